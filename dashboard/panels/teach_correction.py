"""Right classes that people name for a taught network's answers: they go back into its project."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass

import streamlit as st

from dashboard.access import roles
from dashboard.presenters import phrases
from model.common.errors import BundleError, VitrineError
from model.history.prediction_log import KeptAnswer
from model.i18n.translations import gettext as _
from model.registry.card import Card, read_card
from model.registry.resolution import find_bundle
from training.projects.project import Project
from training.projects.schema import ProjectError
from training.projects.shelf import open_project
from training.teach.correction import correct, project_of

_MOST_NEW = 6  # classes of the project that the network does not know yet, a button each


@dataclass(frozen=True)
class Corrected:
    """A picture that went into a project: the project's name, the class, and the number of the project's change."""

    project: str
    label: str
    change: int


def put_right(card: Card, label: str, name: str, content: bytes, sha256: str = "") -> None:
    """Put a picture into its right class of the project that a network was taught from, where there is one.

    Args:
        card: Of the network that answered.
        label: The right class, which may be a new one.
        name: Of the picture's file.
        content: Its bytes, or those of its thumbnail.
        sha256: Of the picture's file, where those are not its bytes.
    """
    project = project_of(card) if roles.is_owner() else None
    if project is None:
        return
    try:
        change = correct(project, label.strip(), name, content)
    except VitrineError as error:
        st.session_state.teach_correct_problem = str(error)
        return
    key = sha256 or hashlib.sha256(content).hexdigest()
    corrected()[key] = Corrected(project.name, label.strip(), change)


def put_answer_right(answer: KeptAnswer, label: str) -> None:
    """Put the picture of an answer in the history into its right class: the project's file of it, else its thumbnail.

    Args:
        answer: Of a network that may have been taught, and may be gone.
        label: The right class, which may be a new one.
    """
    if (card := card_of(answer)) is None:
        return
    content = answer.thumbnail
    if (project := project_of(card)) is not None:
        with suppress(ProjectError):
            content = project.content(answer.picture_sha256)
    put_right(card, label, _("from the history"), content, answer.picture_sha256)


def card_of(answer: KeptAnswer) -> Card | None:
    """Return the card of the network that gave an answer in the history; None if it is gone."""
    try:
        return read_card(find_bundle(answer.model))
    except BundleError:
        return None


def corrected() -> dict[str, Corrected]:
    """Return what went into projects in this visit, by the SHA-256 of each picture."""
    found: dict[str, Corrected] = st.session_state.setdefault("teach_corrected", {})
    return found


def is_elsewhere(card: Card | None, sha256: str, label: str) -> bool:
    """Return whether this visit put a picture into another class of the project that a network was taught from."""
    done, project = corrected().get(sha256), project_of(card) if card is not None else None
    return done is not None and project is not None and done.project == project.name and done.label != label


def show_ways(card: Card | None, sha256: str, put: Callable[[str], None]) -> None:
    """Draw a form for a new class; once the picture is in the project, the way to teach again, and Undo.

    Args:
        card: Of the network that answered; None if it is gone.
        sha256: Of the picture's file.
        put: Puts the picture into the class of this name.
    """
    if problem := st.session_state.pop("teach_correct_problem", None):
        st.error(phrases.escape_markdown(roles.hide_paths(problem)))
    if card is None or not roles.is_owner() or (project := project_of(card)) is None:
        return
    done = corrected().get(sha256)
    if done is not None and done.project == project.name:
        _show_corrected(project, sha256, done)
    else:
        _show_new_class(project, card, sha256[:12], put)


def _show_corrected(project: Project, sha256: str, done: Corrected) -> None:
    """Say where the picture is, with the way to teach again and, as long as nothing else has changed, Undo."""

    def undo() -> None:
        corrected().pop(sha256, None)
        try:
            roles.check_owner()
            open_project(done.project).undo(done.change)
        except VitrineError as error:
            st.session_state.teach_correct_problem = str(error)

    with st.container(horizontal=True, vertical_alignment="center"):
        st.page_link(
            "views/teach.py",
            label=_("It is in the project {name} now, as {label}: teach again").format(
                name=phrases.escape_markdown(done.project), label=phrases.escape_markdown(done.label)
            ),
            icon=":material/school:",
            query_params={"project": done.project},
        )
        if project.last_change == done.change:
            st.button(_("Undo"), icon=":material/undo:", key=f"teach-undo-{sha256[:12]}", on_click=undo)


def _show_new_class(project: Project, card: Card, key: str, put: Callable[[str], None]) -> None:
    """Draw a form for a class that the network does not know; those that the project has by now are one click each."""
    field = f"teach-class-{key}"

    def put_typed() -> None:
        if name := st.session_state[field].strip():
            put(name)

    with st.popover(_("New class …"), icon=":material/add:", key=f"teach-new-class-{key}"):
        newer = [entry.name for entry in project.classes() if entry.name not in card.classes]
        with st.container(horizontal=True, gap="xsmall"):
            for label in newer[-_MOST_NEW:]:
                st.button(phrases.escape_markdown(label), key=f"{field}-{label}", on_click=put, args=(label,))
        st.text_input(_("Name of the new class"), max_chars=64, key=field)
        st.button(
            _("Put it into {project}").format(project=phrases.escape_markdown(project.name)),
            type="primary",
            key=f"{field}-do",
            on_click=put_typed,
        )


def offer(card: Card, label: str, said: str, name: str, content: bytes) -> None:
    """Offer to put a picture of a test set, whose true class is known, into the project of a network that erred.

    Args:
        card: Of the network that answered.
        label: The true class, which the network need not know.
        said: The answer.
        name: Of the picture's file.
        content: Its bytes.
    """
    if label == said or not roles.is_owner() or (project := project_of(card)) is None:
        return
    sha256 = hashlib.sha256(content).hexdigest()
    with st.container(horizontal=True, vertical_alignment="center"):
        if sha256 not in corrected():
            st.button(
                _("Put it into {project} as {label}").format(
                    project=phrases.escape_markdown(project.name), label=phrases.escape_markdown(label)
                ),
                icon=":material/school:",
                key=f"teach-put-right-{sha256[:12]}",
                on_click=put_right,
                args=(card, label, name, content),
            )
        show_ways(card, sha256, lambda chosen: put_right(card, chosen, name, content))
