"""The saved answers: what was asked, what was predicted, and whether it was right."""

from __future__ import annotations

import io
import json
from collections.abc import Sequence
from typing import Any

import streamlit as st

from dashboard.access import roles
from dashboard.panels import answer_feedback
from dashboard.presenters import phrases
from dashboard.presenters.history_table import FILTERS, answer_table, answer_text, table_key, tally_lines
from model.common.errors import BundleError
from model.datasets.display_names import class_name
from model.history import feedback, prediction_log
from model.history.prediction_log import KeptAnswer
from model.i18n.number_format import integer, percentage
from model.i18n.translations import gettext as _
from model.inference.unknown import UNKNOWN

SHOWN = 1000  # answers in the table; the downloads have them all


def choose_answer(answers: Sequence[KeptAnswer]) -> KeptAnswer | None:
    """Draw the table and return the answer in the selected row.

    Streamlit keeps only the row's number: if the table changes, the answer itself is looked up.
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
        "when": st.column_config.DatetimeColumn(
            _("when"),
            format=_("D MMM YYYY, HH:mm"),  # the browser has month names in English alone
            timezone=st.context.timezone,
        ),
    }
    event = st.dataframe(
        answer_table(answers),
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
    """Draw one answer."""
    with st.container(border=True, horizontal=True, vertical_alignment="center"):
        st.image(answer.thumbnail, width=120, alt=_("The picture, small"))
        with st.container():
            best = list(answer.probabilities.items())[:3]
            shares = [f"{class_name(label, answer.probabilities)} {percentage(share)}" for label, share in best]
            none = [answer_text(answer)] if answer.verdict == UNKNOWN else []
            st.markdown(phrases.escape_markdown(" · ".join([*none, ", ".join(shares)])))
            answer_feedback.ask_again(answer)


def forget() -> None:
    """Delete all answers."""
    try:
        roles.check_owner()
        prediction_log.delete_all_answers()
    except BundleError as error:
        st.session_state.history_problem = str(error)
        return
    st.session_state.pop("kept", None)
    st.session_state.pop("verdicts", None)


def to_json() -> str:
    """Return all answers as JSON."""
    return json.dumps(list(prediction_log.export_answers()), indent=2, ensure_ascii=False)


def to_zip() -> bytes:
    """Return the pictures with feedback as a ZIP file."""
    file = io.BytesIO()
    feedback.write_zip(file)
    return file.getvalue()


def show_downloads(classes: Sequence[str]) -> None:
    """Draw the downloads: all answers as JSON, and the pictures with feedback as a data set."""
    save = ":material/download:"
    st.download_button(
        "JSON", roles.owner_only(to_json), "history.json", "application/json", icon=save, on_click="ignore"
    )
    few = len(classes) < feedback.MIN_CLASSES
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
    st.error(phrases.escape_markdown(problem))
if not roles.is_owner():
    st.info(_("The answers that were kept here are not shown: they are for the owner."))
    st.stop()
answer_feedback.history_switch()
try:
    tallies, classes = prediction_log.count_by_model(), prediction_log.judged_classes()
except BundleError as error:
    st.error(phrases.escape_markdown(_("The history cannot be read: {reason}").format(reason=error)))
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
