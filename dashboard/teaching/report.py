"""The middle of the page Teach: how far learning is, what it found out, and pictures to look at again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import streamlit as st

from dashboard.access import roles
from dashboard.presenters import phrases, teach_text
from dashboard.presenters.data_url import data_url
from dashboard.teaching.desks import Desk
from dashboard.teaching.lessons import Lesson
from dashboard.teaching.network import show_network
from dashboard.teaching.versions import show_comparison, show_strip
from model.common.errors import VitrineError
from model.i18n.translations import gettext as _
from training.projects.project import Project, TaughtPicture
from training.teach.advice import Advice, advise
from training.teach.report import Report
from training.teach.strangers import LEAST_CAREFUL, MOST_CAREFUL
from training.teach.teach import careful_of, set_careful

_SHOWN = 4  # pictures that are asked about at a time


def show_learning(desk: Desk, base: str) -> None:
    """Draw how far learning is, and what it found out last.

    Args:
        desk: Whose project it is.
        base: The address of the project's routes, with the thumbnails.
    """
    lesson = desk.lesson
    if problem := st.session_state.pop("teach_report_problem", None):
        st.error(phrases.escape_markdown(problem))
    _show_state(lesson)
    if lesson.taught is None:
        return
    report = lesson.taught.report
    st.markdown(f"#### {phrases.escape_markdown(teach_text.headline(report))}")
    st.caption(teach_text.details(report))
    advice = advise(report)
    places = {one.id: one for one in lesson.project.pictures()}
    _show_doubts(lesson, report, advice, places)
    with st.container(gap="xsmall"):
        for text, ids in teach_text.sentences(advice):
            st.markdown(text)
            show_strip([places[number].sha256 for number in ids if number in places], base)
    if lesson.compared is not None:
        show_comparison(lesson.compared, base)
    _show_careful(lesson)
    show_network(lesson)


def _show_state(lesson: Lesson) -> None:
    """Draw the button, or how far the work is."""
    job = lesson.job
    if lesson.learning and job is not None:
        st.progress(job.fraction, teach_text.progress(job.done, job.total))
        if job.total > 200:
            st.button(_("Stop"), icon=":material/stop_circle:", key="teach-stop", on_click=lesson.stop)
        return
    if job is not None and job.error:
        st.error(phrases.escape_markdown(roles.hide_paths(job.error)))
    if not lesson.ready:
        st.caption(_("It learns by itself as soon as two classes have a picture each."))
        return
    again = lesson.current
    st.button(
        _("Learnt") if again else _("Learn"),
        icon=":material/check:" if again else ":material/school:",
        type="secondary" if again else "primary",
        help=_("It also learns by itself, a moment after a change."),
        disabled=again,
        key="teach-learn",
        on_click=lesson.learn,
    )


def _show_doubts(lesson: Lesson, report: Report, advice: list[Advice], places: Mapping[int, TaughtPicture]) -> None:
    """Draw pictures that look wrong and have not been moved since, with buttons to put each right."""
    labels = {one.id: one.label for one in report.suspects}
    labels |= {
        number: label for group in report.duplicates for number, label in zip(group.ids, group.labels, strict=True)
    }
    left = [
        one
        for one in advice
        if teach_text.has_pictures(one)
        and one.ids not in lesson.settled
        and all(number in places and places[number].label == labels[number] for number in one.ids)
    ]
    twins = {number for one in left if one.kind == teach_text.DUPLICATE for number in one.ids}
    left = [one for one in left if one.kind == teach_text.DUPLICATE or not twins.intersection(one.ids)]
    for one in left[:_SHOWN]:
        _show_doubt(lesson, one, places)
    if len(left) > _SHOWN:
        st.caption(_("and {count} more").format(count=len(left) - _SHOWN))


def _show_doubt(lesson: Lesson, one: Advice, places: Mapping[int, TaughtPicture]) -> None:
    """Draw a picture with the sentence about it and a button for each way to put it right."""
    project = lesson.project
    first, key = places[one.ids[0]], "-".join(map(str, one.ids[:3]))
    with st.container(horizontal=True, vertical_alignment="top", key=f"teach-doubt-{key}"):
        _show_picture(project, first)
        with st.container(gap="xsmall"):
            st.markdown(phrases.escape_markdown(one.text))
            with st.container(horizontal=True, gap="xsmall"):
                if one.kind == teach_text.SUSPECT:
                    _button(_("Move to {label}"), one.move_to, f"teach-move-{key}", project, one.ids, one.move_to)
                else:
                    for label in dict.fromkeys(places[number].label for number in one.ids):
                        ids = [number for number in one.ids if places[number].label == label]
                        _button(_("Remove from {label}"), label, f"teach-drop-{key}-{label}", project, ids, None)
                fine = _("It is right") if one.kind == teach_text.SUSPECT else _("Leave them")
                st.button(fine, key=f"teach-keep-{key}", on_click=lesson.settled.add, args=(one.ids,))


def _button(text: str, label: str, key: str, project: Project, ids: Sequence[int], move_to: str | None) -> None:
    """Draw a button that moves pictures to a class, or removes them if there is none to move them to."""
    st.button(
        text.format(label=phrases.escape_markdown(label)), key=key, on_click=_put_right, args=(project, ids, move_to)
    )


def _put_right(project: Project, ids: Sequence[int], move_to: str | None) -> None:
    try:
        _check_allowed(project)
        if move_to is None:
            project.remove(ids)
        else:
            project.move(ids, move_to)
    except VitrineError as error:
        st.session_state.teach_report_problem = str(error)


def _check_allowed(project: Project) -> None:
    """Raise NotOwnerError for a stored project at a page whose owner has signed out since it was drawn."""
    if not project.in_memory:
        roles.check_owner()


def _show_picture(project: Project, picture: TaughtPicture) -> None:
    try:
        source = data_url(project.thumbnail(picture.sha256))
    except VitrineError:  # it has been removed just now
        return
    style = "border-radius:8px;object-fit:cover;display:block"
    alt = _("The picture, small")
    st.html(f'<img src="{source}" alt="{alt}" width="72" height="72" style="{style}">', width=72)


def _show_careful(lesson: Lesson) -> None:
    """Draw the slider of how careful it is with calling pictures none of the classes."""
    key = f"teach-careful-{lesson.key}"

    def changed() -> None:
        try:
            _check_allowed(lesson.project)
            set_careful(lesson.project, st.session_state[key] / 100)
        except VitrineError as error:
            st.session_state.teach_report_problem = str(error)

    # A ZIP file with settings, or the same page in another tab, may have changed it.
    kept, state = round(100 * careful_of(lesson.project)), st.session_state
    if state.get(f"{key}-kept") != kept:
        state[key] = state[f"{key}-kept"] = kept
    st.slider(
        _("“None of these”: how many of your own pictures it has to accept"),
        round(100 * LEAST_CAREFUL),
        round(100 * MOST_CAREFUL),
        format="%d%%",
        help=_("The fewer of your own pictures it has to accept, the more pictures of other things it turns away."),
        key=key,
        on_change=changed,
    )
