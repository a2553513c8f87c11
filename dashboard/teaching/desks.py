"""Who works on which project: a page and its browser share a token that nobody can guess."""

from __future__ import annotations

import secrets
import threading
import time
from collections import OrderedDict
from dataclasses import dataclass, field

from dashboard.access.visitors import Visitor
from dashboard.teaching.lessons import Lesson, file_of
from model.i18n.translations import current_language
from model.i18n.translations import gettext as _
from training.projects.project import Project
from training.projects.schema import ProjectError
from training.projects.shelf import open_project

MOST_DESKS = 200  # tokens that are remembered
MOST_VISITORS = 4  # visitors whose pictures are held in memory at the same time
IDLE_SECONDS = 600.0  # after which a visitor's pictures may be dropped for another's
CLOSED_SECONDS = 30.0  # the same where the page is no longer open: an open one reports every other second


@dataclass
class Desk:
    """A page's place of work.

    Attributes:
        who: Whose page it is.
        lesson: The project that is open there.
        language: What its page is read in.
        used: time.monotonic() when something was last done there.
        seen: The same of when the page was last open.
    """

    who: Visitor
    lesson: Lesson
    language: str
    used: float = field(default_factory=time.monotonic)
    seen: float = field(default_factory=time.monotonic)

    @property
    def idle(self) -> bool:
        """Whether it can be given to somebody else."""
        now = time.monotonic()
        return now - max(self.used, self.seen) >= CLOSED_SECONDS or now - self.used >= IDLE_SECONDS

    @property
    def is_of_now(self) -> bool:
        """Whether its project is still the one that lies there under its name."""
        return self.lesson.file == file_of(self.lesson.project)

    @property
    def allowed(self) -> bool:
        """Whether its holder may still work there: what is stored is the owner's alone."""
        return self.lesson.project.in_memory or self.who.owner


_desks: OrderedDict[str, Desk] = OrderedDict()
_lessons: dict[str, Lesson] = {}  # of stored projects, by path: all pages of the owner share one
_lock = threading.RLock()


def find_desk(token: str) -> Desk | None:
    """Return the desk with this token if it is still there, and note that somebody works there."""
    with _lock:
        desk = _desks.get(token)
        if desk is not None:
            desk.used = time.monotonic()
            _desks.move_to_end(token)
        return desk


def open_stored(who: Visitor, name: str) -> str:
    """Give an owner's page a desk with a stored project; returns its token. Raises ProjectError, BundleError."""
    project = open_project(name)
    with _lock:
        in_use = {desk.lesson.project.path for desk in _desks.values()}
        for path in [path for path, lesson in _lessons.items() if lesson.project.path not in in_use]:
            del _lessons[path]
        lesson = _lessons.get(str(project.path))
        if lesson is None or lesson.file != file_of(project):  # a command may have removed it, and made another
            if lesson is not None:
                lesson.stop()
            lesson = _lessons[str(project.path)] = Lesson(project)
        return _place(Desk(who, lesson, current_language()))


def open_in_memory(who: Visitor) -> str:
    """Give a visitor's page a desk with an empty project in memory; returns its token.

    Raises:
        ProjectError: Too many visitors work here now.
    """
    with _lock:
        visitors = [(token, desk) for token, desk in _desks.items() if desk.lesson.project.in_memory]
        if len(visitors) >= MOST_VISITORS:
            token, idlest = min(visitors, key=lambda pair: (not pair[1].idle, pair[1].used))
            if not idlest.idle:
                raise ProjectError(
                    _(
                        "{count} visitors teach here now, and there is no room for more; try again in a few minutes."
                    ).format(count=MOST_VISITORS)
                )
            idlest.lesson.stop()
            del _desks[token]
        return _place(Desk(who, Lesson(Project(_("classes"))), current_language()))


def forget_project(path: str) -> None:
    """Stop working on a stored project that has been removed; its pages lose their desks."""
    with _lock:
        lesson = _lessons.pop(path, None)
        if lesson is not None:
            lesson.stop()
            for token in [token for token, desk in _desks.items() if desk.lesson is lesson]:
                del _desks[token]


def follow_project(path: str, renamed: Project) -> None:
    """Let the pages of a stored project that has been renamed go on with it, with the same token."""
    with _lock:
        old = _lessons.pop(path, None)
        if old is not None:
            old.stop()
            lesson = _lessons.setdefault(str(renamed.path), Lesson(renamed))
            lesson.settled |= old.settled
            for desk in _desks.values():
                if desk.lesson is old:
                    desk.lesson = lesson


def _place(desk: Desk) -> str:
    token = secrets.token_urlsafe(24)
    _desks[token] = desk
    stored = [token for token, other in _desks.items() if not other.lesson.project.in_memory]
    for old in stored[: max(0, len(stored) - MOST_DESKS)]:
        del _desks[old]
    return token
