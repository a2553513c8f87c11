"""A project on the page Teach: what it was taught last, and the learning that starts by itself after a change."""

from __future__ import annotations

import itertools
import threading
import time

from dashboard.services.jobs import Job, JobRunner
from training.projects.project import Outcome, Project
from training.teach.answers import TaughtAnswer, answer
from training.teach.backbone import load_backbone
from training.teach.kept import is_current, read_taught
from training.teach.learn import Taught
from training.teach.teach import Stopped, teach
from training.teach.versions import VersionComparison, compare_with_earlier

QUIET_SECONDS = 0.8  # that pass after the last change before it is learnt
LONGEST_SECONDS = 6.0  # to wait while changes keep coming, such as many uploads; features are computed meanwhile
NEAREST = 4  # taught pictures that an answer shows as its reason
TEACHING = JobRunner(1)  # a second one would only make both slower
_NUMBERS = itertools.count()
_ANSWERS = threading.BoundedSemaphore(2)  # pictures that are asked about at the same time


def file_of(project: Project) -> int:
    """Return what tells a project's file from another of the same path: one removed and made again; 0 if it is gone."""
    try:
        return project.path.stat().st_ino if project.path else 0
    except OSError:
        return 0


class Lesson:
    """A project and its learning, shared by everybody who has it open.

    Attributes:
        project: The pictures.
        key: Tells its work from that of all other lessons there ever were.
        file: As `file_of` its project gave it.
        taught: What was learnt last; None before the first time.
        compared: What an earlier version and this one say of the same pictures; None without an earlier one.
        kept_as: The name of the model that was made of it, as far as that is known.
        kept_revision: The revision that this model was taught on; -1 where it was made before.
        settled: Doubts that somebody has answered: the numbers of the pictures that are to stay as they are.
    """

    def __init__(self, project: Project) -> None:
        self.project = project
        self.key = f"lesson {next(_NUMBERS)}"
        self.file = file_of(project)
        self.taught: Taught | None = None
        self.compared: VersionComparison | None = None
        self.kept_as, self.kept_revision = "", -1
        self.settled: set[tuple[int, ...]] = set()
        self._stop = threading.Event()
        self._seen, self._tried = -1, -1  # revisions: the last one that was looked at, and that was learnt
        self._changed_at = self._first_at = 0.0
        self._group, self._parts = "", list[int]()  # what was added in one go last, and the changes it consists of

    @property
    def job(self) -> Job | None:
        """The learning under way, or that failed."""
        return TEACHING.find(self.key)

    @property
    def learning(self) -> bool:
        """Whether it is being learnt now."""
        return self.job is not None and not self.job.ended.is_set()

    @property
    def ready(self) -> bool:
        """Whether two classes have a picture each."""
        return sum(entry.count > 0 for entry in self.project.classes()) >= 2

    @property
    def current(self) -> bool:
        """Whether what was taught is of the project as it is now."""
        return self.taught is not None and is_current(self.project, self.taught)

    def watch(self) -> None:
        """Start to learn once a change has been there for a moment; called every second or so while a page is open.

        Raises:
            ProjectError: The project is gone.
        """
        revision, now = self.project.revision, time.monotonic()
        if revision != self._seen:
            if self._seen in (-1, self._tried):
                self._first_at = now
            opened, self._seen = self._seen == -1, revision
            self._changed_at = 0.0 if opened else now
        waited = now - self._changed_at >= QUIET_SECONDS or now - self._first_at >= LONGEST_SECONDS
        if revision != self._tried and waited and not self.learning and self.ready:
            self.learn()

    def learn(self) -> None:
        """Start to learn now, in the background."""
        self._tried = self.project.revision
        self._stop.clear()
        TEACHING.start(self.key, self._learn)

    def stop(self) -> None:
        """Ask the learning under way to stop soon; the features that it has computed are kept."""
        self._stop.set()

    def _learn(self, job: Job) -> None:
        if self.taught is None:
            self.taught = read_taught(self.project, load_backbone())
            if self.current:
                self.compare()
                return

        def on_progress(done: int, total: int) -> None:
            job.done, job.total = done, total

        try:
            self.taught = teach(self.project, on_progress, self._stop)
        except Stopped:
            return  # whoever stopped it knows
        self.compare()

    def compare(self) -> None:
        """Compare what was taught with an earlier version: after it was learnt, and after it has become a model."""
        taught = self.taught
        self.compared = compare_with_earlier(self.project, taught, load_backbone()) if taught else None

    def ask(self, content: bytes) -> TaughtAnswer | None:
        """Answer about a picture's file; None before anything was learnt. Raises InvalidImage."""
        taught = self.taught
        if taught is None:
            return None
        with _ANSWERS:
            return answer(taught, load_backbone(), content, self.project.name, NEAREST)

    def add(self, label: str, files: list[tuple[str, bytes]], group: str) -> list[Outcome]:
        """Add pictures to a class. group: those with the same one are undone together. Raises ProjectError."""
        before = self.project.last_change
        outcomes = self.project.add(label, files)
        change = self.project.last_change
        if change != before:
            parts = self._parts if group == self._group else []
            self._group, self._parts = group, [*parts, change]
        return outcomes

    def undo(self) -> str:
        """Take the last change back, or all parts of what was added in one go; returns what it was, as words."""
        together = self._parts[-1:] == [self.project.last_change]
        parts: list[int | None] = [*reversed(self._parts)] if together else [None]
        self._group, self._parts = "", []
        done = [self.project.undo(change) for change in parts]
        return done[0]
