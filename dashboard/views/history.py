"""Answers that were kept: what was asked, what was said, and whether it was right."""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Callable, Sequence

import pandas as pd
import streamlit as st

from dashboard import keeping, resources, words
from model import history
from model.bundle import BundleError
from model.history import KeptAnswer

SHOWN = 1000  # answers on the page; the download has them all
FILTERS: dict[str, Callable[[KeptAnswer], bool]] = {
    "All": lambda answer: True,
    "Wrong": lambda answer: answer.right is False,
    "Not judged": lambda answer: answer.right is None,
}


def show_tally(answers: Sequence[KeptAnswer]) -> None:
    """How many there are, and how many of the judged ones were right: one line a network where there are several."""
    for tally in history.tally(answers):
        share = f" · right: {tally.right} of {tally.judged} judged" if tally.judged else " · none judged yet"
        st.markdown(f"**{words.plain(tally.model)}** {tally.answers} answers{share}")


def table_of(answers: Sequence[KeptAnswer]) -> pd.DataFrame:
    rows = [
        {
            "picture": f"data:image/jpeg;base64,{b64encode(answer.thumbnail).decode()}",
            "answer": answer.label,
            "sure": answer.probabilities[answer.label],
            "verdict": {True: "right", False: f"it is {answer.truth}", None: "–"}[answer.right],
            "network": answer.model,
            "when": pd.Timestamp(answer.time, unit="s", tz="UTC"),
        }
        for answer in answers
    ]
    return pd.DataFrame(rows, columns=["picture", "answer", "sure", "verdict", "network", "when"])


def choose_answer(answers: Sequence[KeptAnswer]) -> KeptAnswer | None:
    """The table, and the answer whose row was chosen."""
    columns = {
        "picture": st.column_config.ImageColumn("picture", width="small"),
        "sure": st.column_config.ProgressColumn("sure", format="percent", min_value=0, max_value=1),
        "when": st.column_config.DatetimeColumn("when", format="D MMM YYYY, HH:mm"),
    }
    event = st.dataframe(
        table_of(answers),
        hide_index=True,
        row_height=56,
        column_config=columns,
        on_select="rerun",
        selection_mode="single-row",
        key="kept-answers",
        alt="Every kept answer with its picture, class and verdict",
    )
    chosen = event.selection.rows
    return answers[chosen[0]] if chosen and chosen[0] < len(answers) else None


def show_one(answer: KeptAnswer) -> None:
    with st.container(border=True, horizontal=True, vertical_alignment="center"):
        st.image(answer.thumbnail, width=120, alt="The picture, small")
        with st.container():
            best = ", ".join(f"{label} {share:.1%}" for label, share in list(answer.probabilities.items())[:3])
            st.markdown(words.plain(best))
            keeping.ask_verdict(answer.id, answer.label, list(answer.probabilities))


def forget() -> None:
    try:
        history.forget()
    except BundleError as error:
        st.session_state.history_problem = str(error)
    st.session_state.pop("kept", None)
    st.session_state.pop("verdicts", None)


def to_json() -> str:
    return json.dumps(list(history.export()), indent=2, ensure_ascii=False)


if resources.is_shared():
    st.info("This page is shared, so the answers that were kept here are not shown.")
    st.stop()
keeping.switch()
if problem := st.session_state.pop("history_problem", None):
    st.error(words.plain(problem))
try:
    answers = history.list_answers(SHOWN)
except BundleError as error:
    st.error(f"The history cannot be read: {words.plain(str(error))}")
    st.stop()
if not answers:
    st.markdown("**No answers are kept yet.**")
    st.caption(
        "With the switch on, each answer stays on this machine with a thumbnail of its picture, and you can say "
        "whether it was right. VITRINE_HISTORY=1 turns it on for everybody."
    )
    st.stop()
show_tally(answers)
with st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="distribute"):
    chosen = st.segmented_control(
        "Show", list(FILTERS), default="All", required=True, key="history-filter", label_visibility="collapsed"
    )
    with st.container(horizontal=True, width="content"):
        st.download_button(
            "JSON", to_json, "history.json", "application/json", icon=":material/download:", on_click="ignore"
        )
        with st.popover("Forget all", icon=":material/delete:"):
            st.markdown("This deletes every kept answer and its thumbnail. It cannot be undone.")
            st.button("Delete them all", type="primary", on_click=forget, key="forget")
shown = [answer for answer in answers if FILTERS[chosen](answer)]
if not shown:
    st.caption("None of them.")
    st.stop()
if answer := choose_answer(shown):
    show_one(answer)
