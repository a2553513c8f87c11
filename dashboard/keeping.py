"""Answers kept in the history, if the visitor wants that, and the visitor's verdict on them."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import streamlit as st

from dashboard import resources, words
from dashboard.answers import Answer
from model import history
from model.bundle import BundleError
from model.classifier import Classifier
from model.home import SettingError, keeps_answers


def keeping() -> bool:
    """Whether this visitor's answers are kept: as the switch says, before that as the setting says."""
    if "keeping" not in st.session_state:
        try:
            st.session_state.keeping = keeps_answers()
        except SettingError as error:
            st.session_state.keeping = False
            st.warning(words.plain(str(error)))
    return bool(st.session_state.keeping)


def switch() -> None:
    """The switch on the page."""

    def change() -> None:
        st.session_state.keeping = st.session_state.keep

    st.toggle(
        "Keep answers",
        keeping(),
        key="keep",
        on_change=change,
        help="Each answer with a thumbnail of its picture, on this machine's disk; the page History shows them",
    )


def keep(content: bytes, answer: Answer, classifier: Classifier) -> int | None:
    """The number of the answer in the history; one file's answer by a network is kept once a visit."""
    if answer.prediction is None or not keeping():
        return None
    numbers: dict[tuple[str, str], int] = st.session_state.setdefault("kept", {})
    key = hashlib.sha256(content).hexdigest(), resources.fingerprint(classifier.card)
    if key not in numbers:
        try:
            numbers[key] = history.keep(content, answer.prediction, classifier.card.sha256, answer.thumbnail)
        except BundleError as error:
            st.session_state.keeping = False
            st.warning(f"Answers are no longer kept: {words.plain(str(error))}")
            return None
    return numbers[key]


def ask_verdict(number: int, label: str, classes: Sequence[str]) -> None:
    """Was this right? One click says yes, a choice says what it is; either can be changed."""
    verdicts: dict[int, str] = st.session_state.setdefault("verdicts", {})

    def say(truth: str | None) -> None:
        if truth is None:
            return
        try:
            history.judge(number, truth)
            verdicts[number] = truth
        except BundleError as error:
            st.session_state.verdict_problem = str(error)

    with st.container(horizontal=True, vertical_alignment="center", key=f"verdict-{number}"):
        said = verdicts.get(number)
        st.markdown("Was this right?", width="content")
        st.button(
            "Yes",
            icon=":material/check:",
            type="primary" if said == label else "secondary",
            key=f"right-{number}",
            on_click=say,
            args=(label,),
        )
        st.selectbox(
            "No, it is",
            [name for name in classes if name != label],
            index=None,
            placeholder="No, it is …",
            key=f"truth-{number}",
            label_visibility="collapsed",
            width=190,
            on_change=lambda: say(st.session_state[f"truth-{number}"]),
        )
        if said is not None:
            st.caption("Thank you, noted.")
    if problem := st.session_state.pop("verdict_problem", None):
        st.error(words.plain(problem))
