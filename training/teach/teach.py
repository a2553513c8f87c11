"""All of teaching in one call, with progress and a way to stop it: what the page, the command and the API run."""

from __future__ import annotations

import threading
from collections.abc import Callable

from model.i18n.translations import gettext as _
from training.projects.project import Project
from training.teach.backbone import load_backbone
from training.teach.features import compute_features, read_samples
from training.teach.kept import keep_taught
from training.teach.learn import Taught, TeachError, learn
from training.teach.strangers import CAREFUL, LEAST_CAREFUL, MOST_CAREFUL

_CAREFUL = "careful"  # a project's setting


class Stopped(TeachError):
    """Learning was stopped before it had a result; the features computed so far are kept."""


def teach(
    project: Project,
    on_progress: Callable[[int, int], object] = lambda done, total: None,
    stop: threading.Event | None = None,
) -> Taught:
    """Compute the features of new pictures, learn, and keep what was learnt in the project.

    Args:
        project: Two classes of it need a picture each.
        on_progress: Called with the number of new pictures that are done, and their total.
        stop: Set by another thread, it ends the work.

    Raises:
        TeachError: There are too few classes, or the work was stopped.
        NotInstalled: Keras is not there.
        ProjectError: The project is gone.
    """
    filled = sum(entry.count > 0 for entry in project.classes())
    if filled < 2:
        raise TeachError(
            _("two classes with a picture each are needed to learn; there are {count}").format(count=filled)
        )
    backbone = load_backbone()
    compute_features(project, backbone, on_progress, stop)
    if stop is not None and stop.is_set():
        raise Stopped(_("learning was stopped; what was computed so far is kept"))
    taught = learn(read_samples(project, backbone), careful_of(project))
    keep_taught(project, taught, backbone)
    return taught


def careful_of(project: Project) -> float:
    """Return how careful a project is with calling pictures unknown: the share of its own that must not be.

    A setting that came with a file and cannot be one counts as the usual share.
    """
    try:
        careful = float(project.setting(_CAREFUL, str(CAREFUL)))
    except ValueError:
        return CAREFUL
    return careful if LEAST_CAREFUL <= careful <= MOST_CAREFUL else CAREFUL


def set_careful(project: Project, careful: float) -> None:
    """Set how careful a project is. Raises TeachError for a share that is not 0.5 to 0.99."""
    if not LEAST_CAREFUL <= careful <= MOST_CAREFUL:
        raise TeachError(
            _("careful is {value}; it can be {low} to {high}").format(
                value=careful, low=LEAST_CAREFUL, high=MOST_CAREFUL
            )
        )
    project.keep_setting(_CAREFUL, str(careful))
