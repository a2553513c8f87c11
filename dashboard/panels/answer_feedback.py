"""Answers kept in the history, if the visitor wants that, and the visitor's verdict on them."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence

import streamlit as st

from dashboard.access import roles
from dashboard.presenters import phrases
from dashboard.presenters.file_answers import Answer, Item
from dashboard.services import resources
from model.common.errors import BundleError, SettingError
from model.common.settings import history_enabled
from model.datasets.display_names import class_name
from model.history import prediction_log
from model.history.prediction_log import ForgottenError, KeptAnswer
from model.i18n.translations import gettext as _
from model.registry.card import Card

Verdict = tuple[int, str]  # the number of the answer that was judged, and its picture's SHA-256


def keeping() -> bool:
    """Whether this visitor's answers are kept: as the switch says, before that as the setting says."""
    if "keeping" not in st.session_state:
        try:
            st.session_state.keeping = history_enabled()
        except SettingError as error:
            st.session_state.keeping = False
            st.warning(phrases.plain(str(error)))
    return bool(st.session_state.keeping)


def switch() -> None:
    """The switch on the page."""

    def change() -> None:
        st.session_state.keeping = st.session_state.keep

    st.toggle(
        _("Keep answers"),
        keeping(),
        key="keep",
        on_change=change,
        help=_("Each answer with a thumbnail of its picture, on this machine's disk; the page History shows them"),
    )


def keep(content: bytes, answer: Answer, card: Card) -> int | None:
    """The number of the answer in the history; one file's answer by a network is kept once a visit."""
    if answer.prediction is None:
        return None
    if (number := numbers().get(name_of(content, card))) is not None or not keeping():
        return number
    try:
        return keep_now(content, answer, card)
    except BundleError as error:
        st.session_state.keeping = False
        st.warning(phrases.plain(roles.hide_paths(_("Answers are no longer kept: {reason}").format(reason=error))))
        return None


def keep_now(content: bytes, answer: Answer, card: Card) -> int:
    """Keep the answer whatever the switch says: for a visitor who judges it. Raises BundleError."""
    assert answer.prediction is not None
    name, kept = name_of(content, card), numbers()
    if name not in kept:
        kept[name] = prediction_log.keep(content, answer.prediction, card.sha256, answer.thumbnail)
    return kept[name]


def numbers() -> dict[tuple[str, str], int]:
    """The answers of this visit that are kept: their numbers by file and network."""
    kept: dict[tuple[str, str], int] = st.session_state.setdefault("kept", {})
    return kept


def name_of(content: bytes, card: Card) -> tuple[str, str]:
    return hashlib.sha256(content).hexdigest(), resources.fingerprint(card)


def ask_about(item: Item, card: Card) -> None:
    """Ask whether a fresh answer was right; saying so keeps the answer, if it is not kept already."""
    answer, name = item.answer, name_of(item.content, card)
    picture_sha256 = name[0]
    if answer.prediction is None:
        return

    def judge(truth: str) -> Verdict:
        number = keep_now(item.content, answer, card)
        try:
            prediction_log.judge(number, picture_sha256, truth)
        except ForgottenError:  # all answers were, in another tab
            del numbers()[name]
            number = keep_now(item.content, answer, card)
            prediction_log.judge(number, picture_sha256, truth)
        return number, picture_sha256

    said = None if item.kept is None else verdicts().get((item.kept, picture_sha256))
    key = hashlib.sha256(answer.seen).hexdigest()[:12]
    ask_verdict(key, answer.prediction.best.label, card.classes, said, judge)


def ask_again(answer: KeptAnswer) -> None:
    """The same of an answer in the history."""

    def judge(truth: str) -> Verdict:
        roles.check_owner()  # it may be anybody's
        prediction_log.judge(answer.id, answer.picture_sha256, truth)
        return answer.id, answer.picture_sha256

    ask_verdict(str(answer.id), answer.label, list(answer.probabilities), answer.truth, judge)


def verdicts() -> dict[Verdict, str]:
    """What was said in this visit: the right classes."""
    said: dict[Verdict, str] = st.session_state.setdefault("verdicts", {})
    return said


def ask_verdict(
    key: str, label: str, classes: Sequence[str], said: str | None, judge: Callable[[str], Verdict]
) -> None:
    """Was this right? One click says yes, a choice says what it is; either can be changed.

    said: the right class, if somebody has said so; judge: writes it down and returns what answer it was of.
    """

    def say(truth: str | None) -> None:
        if truth is None:
            return
        try:
            verdicts()[judge(truth)] = truth
        except BundleError as error:
            st.session_state.verdict_problem = str(error)

    others = [name for name in classes if name != label]
    with st.container(horizontal=True, vertical_alignment="center", key=f"verdict-{key}"):
        hint = _("What you say is kept on this machine with a small picture; the page History lists it.")
        st.markdown(_("Was this right?"), width="content", help=hint)
        st.button(
            _("Yes"),
            icon=":material/check:",
            type="primary" if said == label else "secondary",
            key=f"right-{key}",
            on_click=say,
            args=(label,),
        )
        st.selectbox(
            _("No, it is"),
            others,
            index=others.index(said) if said in others else None,
            format_func=lambda name: class_name(name, classes),
            placeholder=_("No, it is …"),
            key=f"truth-{key}",
            label_visibility="collapsed",
            width=190,
            on_change=lambda: say(st.session_state[f"truth-{key}"]),
        )
        if said is not None:
            st.caption(_("Thank you, noted."))
    if problem := st.session_state.pop("verdict_problem", None):
        st.error(phrases.plain(roles.hide_paths(problem)))
