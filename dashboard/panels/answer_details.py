"""An answer in full: the picture, its bars and table; or the sentence that says why there is none."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

import pandas as pd
import streamlit as st

from dashboard.components.plotly_chart import draw
from dashboard.panels import answer_feedback, teach_correction
from dashboard.presenters import charts, phrases
from dashboard.presenters.file_answers import Answer, Item
from dashboard.services import resources
from model.datasets.cifar10 import CIFAR10_CLASSES
from model.datasets.display_names import class_name
from model.i18n import translations
from model.i18n.number_format import decimal, integer, percentage
from model.i18n.translations import gettext as _
from model.inference.classifier import Classifier
from model.inference.prediction import Prediction
from model.inference.unknown import UNKNOWN
from model.registry.card import Card


def show_waiting(card: Card) -> None:
    """Draw the page before the first picture: where it will be, and all classes the answer can be."""
    left, right = st.columns([2, 3], gap="medium")
    with (
        left,
        st.container(
            border=True, height=330, key="waiting", horizontal_alignment="center", vertical_alignment="center"
        ),
    ):
        st.markdown(":material/add_photo_alternate:", width="content")
        st.caption(_("Your picture, as you dropped it"), text_alignment="center")
    with right:
        st.subheader(_("What will it be?"), anchor=False)
        draw(
            charts.empty_chart(card.classes),
            key="probabilities",
            alt=_("An empty bar for each class: {classes}").format(
                classes=", ".join(
                    class_name(name, card.classes) for name in card.classes[: charts.bar_count(len(card.classes))]
                )
            ),
        )
        if len(card.classes) > charts.MAX_BARS:
            text = _("The first {count} of {all} classes")
            st.caption(text.format(count=charts.FEW_BARS, all=integer(len(card.classes))))


def show_answer(item: Item, classifier: Classifier, key: str = "answer", narrow: bool = False) -> None:
    """Draw a file's answer in full: the picture, the network's input, the answer in words, bars, a table."""
    answer, card = item.answer, classifier.card
    if answer.prediction is None:
        show_failure(item)
        return
    best, count = answer.prediction.best, len(answer.prediction.scores)
    with st.container(key=f"{'narrow' if narrow else 'wide'}-answer-{key}"):
        if narrow:  # as on a phone, the answer in words comes first
            words, left, right, below = (st.container() for _place in range(4))
        else:
            left, right = st.columns([2, 3], gap="medium")
            words, below = right, left
    with words, st.container(key=f"headline-{key}"):
        st.subheader(phrases.escape_markdown(phrases.headline(answer.prediction)), anchor=False)
        st.markdown(f"**{phrases.certainty_markdown(answer.prediction)}**{verdict(item)}")
    with right:
        if not card.exclusive:
            st.caption(_(phrases.INCLUSIVE))
        say_set(answer.prediction, card)
        draw(
            charts.probability_chart(answer.prediction),
            key="probabilities" if key == "answer" else f"probabilities-{key}",
            alt=(
                _("Bars of all {count} classes; {label} leads with {share}")
                if count <= charts.MAX_BARS
                else _("Bars of the likeliest of {count} classes; {label} leads with {share}")
            ).format(
                count=integer(count), label=class_name(best.label, card.classes), share=percentage(best.probability)
            ),
        )
        say_how_many(count)
    # After the chart, which a browser takes longest to draw.
    with left, st.container(key=f"picture-{key}"):
        st.image(answer.preview, width="stretch", alt=_("The picture {name}").format(name=item.name))
    with below:
        _show_seen(answer, card, key)
    with right:
        if not item.truth:
            answer_feedback.ask_about(item, card)
        else:
            teach_correction.offer(card, item.truth, best.label, item.name, item.content)
        network = phrases.escape_markdown(phrases.name_with_accuracy(card, classifier.engine))
        st.caption(f"{decimal(answer.prediction.milliseconds)} ms · {network}")
        if answer.prediction.note:
            st.warning(phrases.escape_markdown(answer.prediction.note), icon=":material/image_not_supported:")
        with st.expander(_("All {count} as a table").format(count=integer(count))):
            show_table(answer)


def switch_sets() -> None:
    """The switch on the page that shows prediction sets."""

    def change() -> None:
        st.session_state.with_sets = st.session_state.sets

    st.toggle(
        _("Prediction sets"),
        bool(st.session_state.get("with_sets")),
        key="sets",
        on_change=change,
        help=_(
            "The classes that the true one is among in 95 % of cases, if the picture is like those it was fitted on"
        ),
    )


def say_set(prediction: Prediction, card: Card) -> None:
    """With what confidence the true class is among which, where that is wanted and anybody can tell."""
    if not st.session_state.get("with_sets"):
        return
    if card.sets is None:
        st.caption(_("This network has no prediction sets."))
    elif prediction.verdict != UNKNOWN:
        st.markdown(phrases.escape_markdown(phrases.set_sentence(prediction)), help=phrases.set_help(card.sets))


def say_how_many(count: int) -> None:
    """Say what a chart of `count` classes leaves out."""
    if count > charts.MAX_BARS:
        st.caption(
            _("The {count} likeliest classes; the table has all {all}.").format(
                count=charts.FEW_BARS, all=integer(count)
            )
        )


def verdict(item: Item) -> str:
    """Return the true class beside the answer, if it is known; answers outside the classes are not judged."""
    if not item.truth or item.answer.prediction is None:
        return ""
    known = item.answer.prediction.labels
    # A sample's class is one of CIFAR-10's, whether or not the network knows it.
    named = class_name(item.truth, known if item.truth in known else CIFAR10_CLASSES)
    truth = phrases.escape_markdown(_article(named))
    if item.truth not in item.answer.prediction.labels or item.answer.prediction.verdict == UNKNOWN:
        return f" · {_('it is {truth}').format(truth=truth)}"
    if item.truth in {score.label for score in item.answer.prediction.answers}:
        right = _("right, it is {truth}").format(truth=truth)
        return f" · :green[:material/check: {right}]"
    wrong = _("wrong, it is {truth}").format(truth=truth)
    return f" · :red[:material/close: {wrong}]"


def _article(label: str) -> str:
    """Return an English class with its article; other languages have it in the sentence or none."""
    return (
        label
        if translations.current_language() != translations.ENGLISH
        else f"{'an' if label[:1].lower() in tuple('aeiou') else 'a'} {label}"
    )


def _show_seen(answer: Answer, card: Card, key: str) -> None:
    """Draw the small picture that the network sees."""
    shape = card.input_shape
    with st.container(horizontal=True, vertical_alignment="center", key=f"seen-{key}"):
        alt = _("The same picture at {height} by {width} pixels").format(height=shape.height, width=shape.width)
        st.image(answer.seen, width=max(1, round(96 * shape.width / shape.longest)), alt=alt)
        title = _("What the network sees:")
        cut = (
            _("{pixels}, cut to the centre square") if shape.height == shape.width else _("{pixels}, cut at the centre")
        )
        seen = cut.format(pixels=shape.pixels)
        st.caption(f"{title}  \n{seen}", width="content")


def show_table(answer: Answer) -> None:
    """Draw all classes with their probabilities."""
    assert answer.prediction is not None
    labels = answer.prediction.labels
    table = pd.DataFrame(
        [
            (class_name(label, labels), score.probability)
            for label, score in zip(labels, answer.prediction.scores, strict=True)
        ],
        columns=["class", "probability"],
    )
    titles: dict[str, Any] = {
        "class": _("class"),
        "probability": st.column_config.NumberColumn(_("probability"), format="percent"),
    }
    st.dataframe(
        table,
        hide_index=True,
        height="content" if len(table) <= charts.MAX_BARS else "auto",
        column_config=titles,
        alt=_("Every class with its probability"),
    )


def show_failure(item: Item) -> None:
    """Draw why a file has no answer."""
    st.error(
        f"**{phrases.escape_markdown(item.name)}**  \n{phrases.escape_markdown(str(item.answer.error))}",
        icon=":material/broken_image:",
    )


def answer_all(files: Sequence[tuple[str, bytes]], classifier: Classifier) -> list[Item]:
    """Answer many files in their order, with a progress bar."""
    items: list[Item] = []
    started = shown = time.monotonic()
    place = st.empty()
    answers = resources.answers_for([content for _name, content in files], classifier)
    for position, ((name, content), answer) in enumerate(zip(files, answers, strict=True)):
        kept = answer_feedback.save_if_wanted(content, answer, classifier.card)
        items.append(Item(name, answer, kept=kept, content=content))
        now = time.monotonic()
        if now - shown > 0.15:
            shown = now
            left = (now - started) / (position + 1) * (len(files) - position - 1)
            text = _("{done} of {total}, {seconds} s left").format(
                done=position + 1, total=len(files), seconds=round(left)
            )
            place.progress((position + 1) / len(files), text)
    place.empty()
    return items
