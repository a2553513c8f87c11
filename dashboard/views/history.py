"""Answers that were kept: what was asked, what was said, and whether it was right."""

from __future__ import annotations

import io
import json
from collections.abc import Sequence
from typing import Any

import streamlit as st

from dashboard.access import roles
from dashboard.panels import answer_feedback
from dashboard.presenters import phrases
from dashboard.presenters.history_table import FILTERS, table_key, table_of, tally_lines
from model.common.errors import BundleError
from model.datasets.display_names import class_name
from model.history import feedback, prediction_log
from model.history.prediction_log import KeptAnswer
from model.i18n.number_format import integer, percentage
from model.i18n.translations import gettext as _

SHOWN = 1000  # answers in the table; the downloads have them all


def choose_answer(answers: Sequence[KeptAnswer]) -> KeptAnswer | None:
    """The table, and the answer whose row was chosen.

    Streamlit keeps the number of the chosen row, whatever stands there now: another table asks for the answer itself.
    """
    numbers = [answer.id for answer in answers]
    before = st.session_state.get("chosen_answer")
    columns: dict[str, Any] = {
        "picture": st.column_config.ImageColumn(_("picture"), width="small"),
        "answer": _("answer"),
        "sure": st.column_config.ProgressColumn(_("sure"), format="percent", min_value=0, max_value=1),
        "known": st.column_config.ProgressColumn(_("known"), format="percent", min_value=0, max_value=1),
        "verdict": _("verdict"),
        "network": _("network"),
        "when": st.column_config.DatetimeColumn(_("when"), format="D MMM YYYY, HH:mm"),
    }
    event = st.dataframe(
        table_of(answers),
        hide_index=True,
        row_height=56,
        column_config=columns,
        on_select="rerun",
        selection_mode="single-row",
        selection_default={"selection": {"rows": [numbers.index(before)]}} if before in numbers else None,
        key=table_key(answers),
        alt=_("Every kept answer with its picture, class and verdict"),
    )
    chosen = [answers[row] for row in event.selection.rows[:1]]
    st.session_state.chosen_answer = chosen[0].id if chosen else None
    return chosen[0] if chosen else None


def show_one(answer: KeptAnswer) -> None:
    with st.container(border=True, horizontal=True, vertical_alignment="center"):
        st.image(answer.thumbnail, width=120, alt=_("The picture, small"))
        with st.container():
            best = list(answer.probabilities.items())[:3]
            st.markdown(
                phrases.plain(
                    ", ".join(f"{class_name(label, answer.probabilities)} {percentage(share)}" for label, share in best)
                )
            )
            answer_feedback.ask_again(answer)


def forget() -> None:
    try:
        roles.check_owner()
        prediction_log.forget()
    except BundleError as error:
        st.session_state.history_problem = str(error)
        return
    st.session_state.pop("kept", None)
    st.session_state.pop("verdicts", None)


def to_json() -> str:
    return json.dumps(list(prediction_log.export()), indent=2, ensure_ascii=False)


def to_zip() -> bytes:
    file = io.BytesIO()
    feedback.write_zip(file)
    return file.getvalue()


def show_downloads(classes: Sequence[str]) -> None:
    """All answers as JSON, and the judged pictures as a data set; classes: the right ones that somebody said."""
    save = ":material/download:"
    st.download_button(
        "JSON", roles.owner_only(to_json), "history.json", "application/json", icon=save, on_click="ignore"
    )
    few = len(classes) < feedback.LEAST_CLASSES
    hint = _("A ZIP file with a folder of pictures for each right class; unpacked, it can be trained on.")
    st.download_button(
        _("Pictures by class"),
        roles.owner_only(to_zip),
        "feedback.zip",
        "application/zip",
        icon=save,
        on_click="ignore",
        disabled=few,
        help=_("Judge answers of at least two classes first.") if few else hint,
        key="pictures",
    )


if problem := st.session_state.pop("history_problem", None):
    st.error(phrases.plain(problem))
if not roles.is_owner():
    st.info(_("The answers that were kept here are not shown: they are for the owner."))
    st.stop()
answer_feedback.switch()
try:
    tallies, classes = prediction_log.tally(), prediction_log.judged_classes()
except BundleError as error:
    st.error(phrases.plain(_("The history cannot be read: {reason}").format(reason=error)))
    st.stop()
if not tallies:
    title = _("No answers are kept yet.")
    st.markdown(f"**{title}**")
    st.caption(
        _(
            "With the switch on, each answer stays on this machine with a thumbnail of its picture. Without it, an "
            "answer stays when somebody says whether it was right. VITRINE_HISTORY=1 turns the switch on for everybody."
        )
    )
    st.stop()
st.markdown("  \n".join(tally_lines(tallies)))
with st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="distribute"):
    chosen = st.segmented_control(
        _("Show"),
        list(FILTERS),
        default="All",
        required=True,
        format_func=_,
        key="history-filter",
        label_visibility="collapsed",
    )
    with st.container(horizontal=True, width="content"):
        show_downloads(classes)
        with st.popover(_("Forget all"), icon=":material/delete:"):
            st.markdown(_("This deletes every kept answer and its thumbnail. It cannot be undone."))
            st.button(_("Delete them all"), type="primary", on_click=forget, key="forget")
shown = prediction_log.list_answers(SHOWN, FILTERS[chosen])
if not shown:
    st.caption(_("None of them."))
    st.stop()
count = sum(tally.count(verdict) for tally in tallies for verdict in FILTERS[chosen])
if count > len(shown):
    st.caption(_("The newest {shown} of {count}").format(shown=integer(len(shown)), count=integer(count)))
if answer := choose_answer(shown):
    show_one(answer)
