"""What people say of a taught network's answers goes back into its project."""

from __future__ import annotations

import hashlib

from model.registry.card import Card
from training.projects.project import Project
from training.projects.schema import ProjectError
from training.projects.shelf import list_projects, open_project
from training.teach.bundle import RECIPE


def project_of(card: Card) -> Project | None:
    """Return the project that a model was taught from; None if it was not taught, or its project has gone."""
    if card.recipe != RECIPE or card.dataset not in list_projects():
        return None
    return open_project(card.dataset)


def correct(project: Project, label: str, name: str, content: bytes) -> int:
    """Put a picture into its right class: moved if the project has it, added if not.

    Args:
        project: The project of the network that answered.
        label: The right class; it is made if need be.
        name: Of the picture's file.
        content: Its bytes; where only a thumbnail is kept, those.

    Returns:
        The number of the change, with which `Project.undo` takes it back.

    Raises:
        ProjectError: The project is gone, the class cannot have that name, or the picture is refused.
    """
    sha256 = hashlib.sha256(content).hexdigest()
    there = [picture.id for picture in project.pictures() if picture.sha256 == sha256]
    if there:
        project.move(there, label, make=True)
        return project.last_change
    (outcome,) = project.add(label, [(name, content)])
    if outcome.reason:
        raise ProjectError(outcome.reason)
    return project.last_change
