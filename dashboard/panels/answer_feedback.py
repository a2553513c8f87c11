"""Answers saved in the history, if the visitor wants that, and the visitor's feedback on them."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence

import streamlit as st

from dashboard.access import roles
from dashboard.panels import teach_correction
from dashboard.presenters import phrases
from dashboard.presenters.file_answers import Answer, Item
from dashboard.services import resources
from model.common.errors import BundleError
from model.common.settings import read_settings
from model.datasets.display_names import class_name
from model.history import prediction_log
from model.history.prediction_log import ForgottenError, KeptAnswer
from model.i18n.translations import gettext as _
from model.inference.unknown import UNKNOWN
from model.registry.card import Card

_Verdict = tuple[int, str]  # the number of the answer that was judged, and its picture's SHA-256


def _keeping() -> bool:
    """Return whether this visitor's answers are saved: what the switch says, or by default the setting."""
    if "keeping" not in st.session_state:
        st.session_state.keeping = read_settings("history").history
    return bool(st.session_state.keeping)


def history_switch() -> None:
    """Draw the switch."""

    def change() -> None:
        st.session_state.keeping = st.session_state.keep

    st.session_state.keep = _keeping()  # keeping may have ended because the store could not be written
    st.toggle(
        _("Keep answers"),
        key="keep",
        on_change=change,
        help=_("Each answer with a thumbnail of its picture, on this machine's disk; the page History shows them"),
    )


def save_if_wanted(content: bytes, answer: Answer, card: Card) -> int | None:
    """Save an answer, once for each file and network in a visit, and return its number, or None if it is not saved."""
    if answer.prediction is None:
        return None
    if (number := saved_numbers().get(_name_of(content, card))) is not None or not _keeping():
        return number
    try:
        return _keep_now(content, answer, card)
    except BundleError as error:
        st.session_state.keeping = False
        st.warning(
            phrases.escape_markdown(roles.hide_paths(_("Answers are no longer kept: {reason}").format(reason=error)))
        )
        return None


def _keep_now(content: bytes, answer: Answer, card: Card) -> int:
    """Save an answer whatever the switch says, because a visitor gives feedback. Raises BundleError."""
    assert answer.prediction is not None
    name, kept = _name_of(content, card), saved_numbers()
    if name not in kept:
        kept[name] = prediction_log.save_answer(content, answer.prediction, card.sha256, answer.thumbnail)
    return kept[name]


def saved_numbers() -> dict[tuple[str, str], int]:
    """Return the numbers of this visit's saved answers, by file and network."""
    kept: dict[tuple[str, str], int] = st.session_state.setdefault("kept", {})
    return kept


def _name_of(content: bytes, card: Card) -> tuple[str, str]:
    return hashlib.sha256(content).hexdigest(), resources.fingerprint(card)


def ask_about(item: Item, card: Card) -> None:
    """Ask whether a fresh answer was right; feedback saves the answer."""
    answer, name = item.answer, _name_of(item.content, card)
    picture_sha256 = name[0]
    if answer.prediction is None:
        return
    of_none = answer.prediction.verdict == UNKNOWN or not answer.prediction.answers
    label = "" if of_none else answer.prediction.best.label

    def judge(truth: str) -> _Verdict:
        number = _keep_now(item.content, answer, card)
        try:
            prediction_log.record_feedback(number, picture_sha256, truth)
        except ForgottenError:  # all answers were, in another tab
            del saved_numbers()[name]
            number = _keep_now(item.content, answer, card)
            prediction_log.record_feedback(number, picture_sha256, truth)
        if truth != label or teach_correction.is_elsewhere(card, picture_sha256, truth):
            teach_correction.put_right(card, truth, item.name, item.content)
        return number, picture_sha256

    number = saved_numbers().get(name) if item.kept is None else item.kept
    said = None if number is None else given_feedback().get((number, picture_sha256))
    key = hashlib.sha256(answer.seen).hexdigest()[:12]
    _ask_verdict(key, label, card.classes, said, judge)
    teach_correction.show_ways(
        card, picture_sha256, lambda truth: teach_correction.put_right(card, truth, item.name, item.content)
    )


def ask_again(answer: KeptAnswer) -> None:
    """Ask the same about an answer in the history."""
    label = "" if answer.verdict == UNKNOWN else answer.label

    def judge(truth: str) -> _Verdict:
        roles.check_owner()  # it may be anybody's
        prediction_log.record_feedback(answer.id, answer.picture_sha256, truth)
        card = teach_correction.card_of(answer)
        if truth != label or teach_correction.is_elsewhere(card, answer.picture_sha256, truth):
            teach_correction.put_answer_right(answer, truth)
        return answer.id, answer.picture_sha256

    _ask_verdict(str(answer.id), label, list(answer.probabilities), answer.truth, judge)
    teach_correction.show_ways(
        teach_correction.card_of(answer),
        answer.picture_sha256,
        lambda truth: teach_correction.put_answer_right(answer, truth),
    )


def given_feedback() -> dict[_Verdict, str]:
    """Return the true classes that were given in this visit."""
    said: dict[_Verdict, str] = st.session_state.setdefault("verdicts", {})
    return said


def _ask_verdict(
    key: str, label: str, classes: Sequence[str], said: str | None, judge: Callable[[str], _Verdict]
) -> None:
    """Ask whether an answer is right: one click says yes, a choice says what it is; either can be changed.

    Args:
        key: The widgets' key.
        label: The predicted class; empty if the answer is that the picture is of none of the classes.
        classes: The names of the classes.
        said: The true class, if somebody has said it.
        judge: Saves the feedback and returns which answer it was for.
    """

    def say(truth: str | None) -> None:
        if truth is None:
            return
        try:
            given_feedback()[judge(truth)] = truth
        except BundleError as error:
            st.session_state.verdict_problem = str(error)

    others = [name for name in classes if name != label]
    box = f"truth-{key}"
    st.session_state[box] = said if said in others else None  # it may have been said of another network's answer
    with st.container(horizontal=True, vertical_alignment="center", key=f"verdict-{key}"):
        hint = _("What you say is kept on this machine with a small picture; the page History lists it.")
        question = _("Was this right?") if label else _("Is it one of the classes after all?")
        st.markdown(question, width="content", help=hint)
        if label:
            st.button(
                _("Yes"),
                icon=":material/check:",
                type="primary" if said == label else "secondary",
                key=f"right-{key}",
                on_click=say,
                args=(label,),
            )
        st.selectbox(
            _("No, it is") if label else _("It is"),
            others,
            format_func=lambda name: class_name(name, classes),
            placeholder=_("No, it is …") if label else _("It is …"),
            key=box,
            label_visibility="collapsed",
            width=190,
            on_change=lambda: say(st.session_state[box]),
        )
        if said is not None:
            st.caption(_("Thank you, noted."))
    if problem := st.session_state.pop("verdict_problem", None):
        st.error(phrases.escape_markdown(roles.hide_paths(problem)))
