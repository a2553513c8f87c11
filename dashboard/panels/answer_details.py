"""One answer in full: the picture, its bars and table; and the sentences for files that have none."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

import pandas as pd
import streamlit as st

from dashboard.components.plotly_chart import draw
from dashboard.panels import answer_feedback
from dashboard.presenters import charts, phrases
from dashboard.presenters.file_answers import Answer, Item
from dashboard.services import resources
from model.datasets.display_names import class_name
from model.i18n import translations
from model.i18n.number_format import decimal, percentage
from model.i18n.translations import gettext as _
from model.inference.classifier import Classifier
from model.registry.card import Card


def show_waiting(card: Card) -> None:
    """The page before the first picture: where the picture will be, and every class that the answer can be."""
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
                classes=", ".join(class_name(name, card.classes) for name in card.classes[: charts.MOST_BARS])
            ),
        )
        if len(card.classes) > charts.MOST_BARS:
            st.caption(_("The first {count} of {all} classes").format(count=charts.MOST_BARS, all=len(card.classes)))


def show_answer(item: Item, classifier: Classifier, key: str = "answer", narrow: bool = False) -> None:
    """One file's answer in full: the picture, what the network saw, the answer in words, a bar a class, a table."""
    answer, card = item.answer, classifier.card
    if answer.prediction is None:
        show_failure(item)
        return
    left, right = (st.container(), st.container()) if narrow else st.columns([2, 3], gap="medium")
    with left:
        show_pictures(item, card, key)
    with right:
        best, count = answer.prediction.best, len(answer.prediction.scores)
        st.subheader(phrases.plain(phrases.headline(answer.prediction)), anchor=False)
        st.markdown(f"**{phrases.plain_certainty(answer.prediction)}**{verdict(item)}")
        if not card.exclusive:
            st.caption(_(phrases.INCLUSIVE))
        draw(
            charts.probability_chart(answer.prediction),
            key="probabilities" if key == "answer" else f"probabilities-{key}",
            alt=(
                _("Bars of all {count} classes; {label} leads with {share}")
                if count <= charts.MOST_BARS
                else _("Bars of the likeliest of {count} classes; {label} leads with {share}")
            ).format(count=count, label=class_name(best.label, card.classes), share=percentage(best.probability)),
        )
        say_how_many(count)
        if not item.truth:
            answer_feedback.ask_about(item, card)
        network = phrases.plain(phrases.measured(card, classifier.engine))
        st.caption(f"{decimal(answer.prediction.milliseconds)} ms · {network}")
        if answer.prediction.note:
            st.warning(phrases.plain(answer.prediction.note), icon=":material/image_not_supported:")
        with st.expander(_("All {count} as a table").format(count=count)):
            show_table(answer)


def say_how_many(count: int) -> None:
    """What a chart of `count` classes leaves out."""
    if count > charts.MOST_BARS:
        st.caption(
            _("The {count} likeliest classes; the table has all {all}.").format(count=charts.MOST_BARS, all=count)
        )


def verdict(item: Item) -> str:
    """The true class beside the guess, where it is known."""
    if not item.truth or item.answer.prediction is None:
        return ""
    truth = phrases.plain(article(class_name(item.truth, item.answer.prediction.labels)))
    if item.truth in {score.label for score in item.answer.prediction.answers}:
        right = _("right, it is {truth}").format(truth=truth)
        return f" · :green[:material/check: {right}]"
    wrong = _("wrong, it is {truth}").format(truth=truth)
    return f" · :red[:material/close: {wrong}]"


def article(label: str) -> str:
    """An English class with its article; in other languages the article is part of the sentence or left out."""
    return (
        label
        if translations.current_language() != translations.ENGLISH
        else f"{'an' if label[0] in 'aeiou' else 'a'} {label}"
    )


def show_pictures(item: Item, card: Card, key: str) -> None:
    """The picture as it came, and the small one that the network really sees, pixel by pixel."""
    shape = card.input_shape
    with st.container(key=f"picture-{key}"):
        st.image(item.answer.preview, width="stretch", alt=_("The picture {name}").format(name=item.name))
    with st.container(horizontal=True, vertical_alignment="center", key=f"seen-{key}"):
        alt = _("The same picture at {height} by {width} pixels").format(height=shape.height, width=shape.width)
        st.image(item.answer.seen, width=max(1, round(96 * shape.width / shape.longest)), alt=alt)
        title = _("What the network sees:")
        cut = (
            _("{pixels}, cut to the centre square") if shape.height == shape.width else _("{pixels}, cut at the centre")
        )
        seen = cut.format(pixels=shape.pixels)
        st.caption(f"{title}  \n{seen}", width="content")


def show_table(answer: Answer) -> None:
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
        height="content" if len(table) <= charts.MOST_BARS else "auto",
        column_config=titles,
        alt=_("Every class with its probability"),
    )


def show_failure(item: Item) -> None:
    st.error(
        f"**{phrases.plain(item.name)}**  \n{phrases.plain(str(item.answer.error))}", icon=":material/broken_image:"
    )


def answer_all(files: Sequence[tuple[str, bytes]], classifier: Classifier) -> list[Item]:
    """The answers of many files in their order, with a progress bar that says how many and how long."""
    items: list[Item] = []
    started = shown = time.monotonic()
    place = st.empty()
    for position, (name, content) in enumerate(files):
        answer = resources.answer_for(content, classifier)
        kept = answer_feedback.keep(content, answer, classifier.card)
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
