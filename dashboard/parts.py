"""The pieces that pages share: one answer in full, many answers as a grid, the choice of the network."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import NoReturn

import pandas as pd
import streamlit as st

from dashboard import charts, keeping, resources, words
from dashboard.answers import Answer, Item
from dashboard.style import tile_style
from model.bundle import BundleError, Card, bundle_folders, default_name
from model.classifier import Classifier

PAGE_OF_TILES = 24


def use_model() -> tuple[str, Card]:
    """The chosen network's name and card; a network that cannot be used is a sentence, and the page ends there."""
    try:
        model = choose_model()
        return model, resources.card(model)
    except BundleError as error:
        refuse(error)


def warm(model: str) -> Classifier:
    """The network, after one quiet line while it loads; one that does not load is a sentence, and the page ends there.

    Whoever shows an answer beside a card takes the network's own: the name may stand for another one by now.
    """
    try:
        if resources.is_warm(model):
            return resources.classifier(model)
        with st.spinner("Warming up the network, a few seconds the first time"):
            return resources.classifier(model)
    except BundleError as error:
        refuse(error)


def refuse(error: BundleError) -> NoReturn:
    st.error(f"The network cannot be used: {words.plain(str(error))}")
    st.stop()


def choose_model() -> str:
    """The name of the network to ask, from the page's settings; a choice is offered only where there is one."""
    names = list(bundle_folders())
    model = default_name(names)
    names.sort(key=model.__ne__)  # the default comes first: the address names only another choice
    with st.popover("Settings", icon=":material/tune:"):
        if len(names) > 1:
            follow(names)
            model = st.selectbox("Network", names, key="model", bind="query-params")
            st.session_state.chosen_model = model
        keeping.switch()
    return model


def follow(names: Sequence[str]) -> None:
    """Correct the choice before it is drawn. names: the default first.

    A choice lasts from page to page. Without one, a default that somebody changes takes effect here at once; so does
    the end of the network that was chosen.
    """
    state = st.session_state
    followed, state.followed = state.get("followed", names[0]), names[0]
    chosen = state.get("model", None if "model" in st.query_params else state.get("chosen_model"))
    if chosen is not None:
        state.model = names[0] if chosen == followed or chosen not in names else chosen


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
        st.caption("Your picture, as you dropped it", text_alignment="center")
    with right:
        st.subheader("What will it be?", anchor=False)
        st.plotly_chart(
            charts.empty_chart(card.classes),
            config=charts.CONFIG,
            key="probabilities",
            alt=f"An empty bar for each class: {', '.join(card.classes)}",
        )


def show_answer(item: Item, card: Card, key: str = "answer", narrow: bool = False) -> None:
    """One file's answer in full: the picture, what the network saw, the answer in words, a bar a class, a table."""
    answer = item.answer
    if answer.prediction is None:
        show_failure(item)
        return
    left, right = (st.container(), st.container()) if narrow else st.columns([2, 3], gap="medium")
    with left:
        show_pictures(item, card, key)
    with right:
        best = answer.prediction.best
        st.subheader(words.plain(words.headline(answer.prediction)), anchor=False)
        st.markdown(f"**{words.certainty(answer.prediction).capitalize()}**{verdict(item)}")
        st.plotly_chart(
            charts.probability_chart(answer.prediction),
            config=charts.CONFIG,
            key="probabilities" if key == "answer" else f"probabilities-{key}",
            alt=f"Bars of all {len(answer.prediction.scores)} classes; {best.label} leads with {best.probability:.1%}",
        )
        if item.kept is not None and not item.truth:
            keeping.ask_verdict(item.kept, best.label, card.classes)
        st.caption(f"{answer.prediction.milliseconds:.1f} ms · {words.plain(words.measured(card))}")
        with st.expander(f"All {len(answer.prediction.scores)} as a table"):
            show_table(answer)


def verdict(item: Item) -> str:
    """The true class beside the guess, where it is known."""
    if not item.truth or item.answer.prediction is None:
        return ""
    if item.truth == item.answer.prediction.best.label:
        return f" · :green[:material/check: right, it is {article(item.truth)}]"
    return f" · :red[:material/close: wrong, it is {article(item.truth)}]"


def article(label: str) -> str:
    return f"{'an' if label[0] in 'aeiou' else 'a'} {label}"


def show_pictures(item: Item, card: Card, key: str) -> None:
    """The picture as it came, and the small one that the network really sees, pixel by pixel."""
    size = card.input_size
    with st.container(key=f"picture-{key}"):
        st.image(item.answer.preview, width="stretch", alt=f"The picture {item.name}")
    with st.container(horizontal=True, vertical_alignment="center", key=f"seen-{key}"):
        st.image(item.answer.seen, width=96, alt=f"The same picture at {size} by {size} pixels")
        st.caption(f"What the network sees:  \n{size} x {size} pixels, cut to the centre square", width="content")


def show_table(answer: Answer) -> None:
    assert answer.prediction is not None
    table = pd.DataFrame(
        [(score.label, score.probability) for score in answer.prediction.scores], columns=["class", "probability"]
    )
    column = st.column_config.NumberColumn("probability", format="percent")
    st.dataframe(
        table,
        hide_index=True,
        height="content",
        column_config={"probability": column},
        alt="Every class with its probability",
    )


def show_failure(item: Item) -> None:
    st.error(f"**{words.plain(item.name)}**  \n{item.answer.error}", icon=":material/broken_image:")


def show_tiles(items: Sequence[Item], key: str) -> int:
    """A grid of pictures to click, with answer and a small bar; returns the position of the opened one."""
    state = f"opened-{key}"

    def open_one(position: int) -> None:
        st.session_state[state] = position

    opened: int = min(st.session_state.get(state, 0), len(items) - 1)
    pages = -(-len(items) // PAGE_OF_TILES)
    page = st.pagination(pages, key=f"page-{key}") if pages > 1 else 1
    shown = range((page - 1) * PAGE_OF_TILES, min(page * PAGE_OF_TILES, len(items)))
    keys = {position: f"tile-{key}-{position}" for position in shown}
    best = {position: prediction.best for position in shown if (prediction := items[position].answer.prediction)}
    pictures = {keys[position]: items[position].answer.thumbnail for position in shown}
    st.html(
        tile_style(
            pictures,
            "120px",
            {keys[position]: score.probability for position, score in best.items()},
            keys.get(opened, ""),
        )
    )
    with st.container(horizontal=True, gap="xsmall"):
        for position, score in best.items():
            label = f"{words.plain(score.label)} {words.percent(score.probability)}"
            st.button(
                label, key=keys[position], help=words.plain(items[position].name), on_click=open_one, args=(position,)
            )
    return opened


def answer_all(files: Sequence[tuple[str, bytes]], classifier: Classifier) -> list[Item]:
    """The answers of many files in their order, with a progress bar that says how many and how long."""
    items: list[Item] = []
    started = shown = time.monotonic()
    place = st.empty()
    for position, (name, content) in enumerate(files):
        answer = resources.answer_for(content, classifier)
        items.append(Item(name, answer, kept=keeping.keep(content, answer, classifier)))
        now = time.monotonic()
        if now - shown > 0.15:
            shown = now
            left = (now - started) / (position + 1) * (len(files) - position - 1)
            place.progress((position + 1) / len(files), f"{position + 1} of {len(files)}, {left:.0f} s left")
    place.empty()
    return items
