"""Make a model of what a project was taught, in the background, and find it again under its name."""

from __future__ import annotations

from dashboard.services.jobs import CONVERSIONS, Job
from dashboard.teaching.lessons import Lesson
from model.i18n.translations import gettext as _
from training.teach.backbone import load_backbone
from training.teach.bundle import FLOAT, check_model_name, keep_model, networks_of, pack_model
from training.teach.learn import TeachError
from training.teach.versions import KEPT, read_version


def kept_name(lesson: Lesson) -> str:
    """Return the name of the model that was made of a stored project, empty for none."""
    if not lesson.kept_as and not lesson.project.in_memory:
        for folder in networks_of(lesson.project.name):
            lesson.kept_as = folder.name
            if version := read_version(lesson.project, load_backbone(), KEPT):
                lesson.kept_revision = version.revision
    return lesson.kept_as


def find_job(lesson: Lesson) -> Job | None:
    """Return the job that makes a model of this project, if it is under way or has failed."""
    return CONVERSIONS.find(("keep", lesson.key))


def start_keeping(lesson: Lesson, name: str) -> None:
    """Start to make a model of what was taught: half a minute, but it answers after a few seconds.

    Raises:
        TeachError: Nothing has been learnt, or another model has this name.
        BundleError: It cannot be a name.
    """
    taught = lesson.taught
    if taught is None:
        raise TeachError(_("nothing has been learnt yet"))
    check_model_name(lesson.project.name, name)

    def work(job: Job) -> None:
        def on_stage(stage: str) -> None:
            lesson.kept_as, lesson.kept_revision = name, taught.samples.revision
            lesson.compare()  # with the network that this one replaces
            job.done = 1 if stage == FLOAT else 2

        job.total = 2
        keep_model(lesson.project, taught, load_backbone(), name, on_stage)

    CONVERSIONS.start(("keep", lesson.key), work)


def network_zip(lesson: Lesson) -> bytes:
    """Return what was taught as a bundle in a ZIP file, with nothing stored. Raises TeachError."""
    if lesson.taught is None:
        raise TeachError(_("nothing has been learnt yet"))
    with CONVERSIONS.slot():
        return pack_model(lesson.project, lesson.taught, load_backbone(), lesson.project.name)
