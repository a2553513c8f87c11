"""A project: classes with pictures, stored in one SQLite file as they come, or in memory for a visitor."""

from __future__ import annotations

import sqlite3
import threading
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager, nullcontext
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from model.common.text import printable
from model.datasets.splits import utf8_name
from model.i18n.number_format import integer
from model.i18n.translations import current_language, use_language
from model.i18n.translations import gettext as _
from model.images.decoder import InvalidImage
from model.images.picture_bytes import read_file
from training.projects.changes import (
    begin_change,
    can_grow,
    class_id,
    describe_change,
    forget_changes,
    grow,
    has_row,
    known_class,
    make_class,
    move_picture,
    purge,
    put_back,
    read_setting,
    remember,
    transaction,
    write_setting,
)
from training.projects.pictures import Examined, examine
from training.projects.schema import ProjectError, connect

MOST_PICTURES = 100_000
MOST_IN_MEMORY = 200 * 2**20  # bytes of a visitor's pictures
_AHEAD = 8  # pictures that are decoded while one is written
ADDED, KNOWN, REFUSED = "added", "known", "refused"


@dataclass(frozen=True)
class ClassCount:
    """A class and how many pictures it has."""

    name: str
    count: int


@dataclass(frozen=True)
class TaughtPicture:
    """A picture in a class.

    Attributes:
        id: Its number in the project.
        sha256: Of its file.
        label: The name of its class.
        name: The name of its file, as it came.
    """

    id: int
    sha256: str
    label: str
    name: str


@dataclass(frozen=True)
class Outcome:
    """What happened to a file: `added`, `known` (the class has it already) or `refused`, and why."""

    name: str
    status: str
    reason: str = ""


@dataclass
class _Adding:
    """Pictures that are being added to a class, while others may change the project.

    Attributes:
        label: What the class was called at first.
        number: The class; None until it is there.
        change: The change of all pictures that are added; 0 until one is.
    """

    label: str
    number: int | None = None
    change: int = 0

    def look_again(self, connection: sqlite3.Connection) -> None:
        """Find the class, which may have another name by now.

        If it or the change is gone, or pictures were moved or removed since, the rest of the pictures are a new change,
        so that each can be undone in its turn.
        """
        if not can_grow(connection, self.change):
            self.change = 0
        if self.number is not None and not has_row(connection, "classes", self.number):
            self.number, self.change = None, 0
        self.number = self.number or class_id(connection, self.label)


class Project:
    """Pictures by class. Every change is kept at once, and several processes may work on one project.

    Args:
        name: What it is called.
        path: Its SQLite file; None keeps it in memory, within `MOST_IN_MEMORY` bytes.
    """

    def __init__(self, name: str, path: Path | None = None) -> None:
        self.name, self.path = name, path
        self.shared = connect(None) if path is None else None
        self.lock = nullcontext() if self.shared is None else threading.RLock()

    @property
    def in_memory(self) -> bool:
        """Whether nothing of it is stored."""
        return self.path is None

    @contextmanager
    def opened(self, writes: bool = False) -> Iterator[sqlite3.Connection]:
        """Yield a connection to the project's tables; what is written is kept together, or not at all.

        Raises:
            ProjectError: The file is gone, damaged or cannot be written.
        """
        with self._connected() as connection, self.lock, transaction(connection, writes):
            yield connection

    @contextmanager
    def _connected(self) -> Iterator[sqlite3.Connection]:
        """Yield a connection outside of any transaction. Raises ProjectError."""
        try:
            if self.shared is not None:
                yield self.shared
                return
            if self.path is None or not self.path.is_file():
                raise ProjectError(_("the project {name!r} is no longer there").format(name=self.name))
            with closing(connect(self.path)) as connection:
                yield connection
        except sqlite3.Error as error:
            raise ProjectError(
                _("the project {name!r} cannot be used: {reason}").format(name=self.name, reason=error)
            ) from error

    @property
    def revision(self) -> int:
        """A number that grows with each change of classes, pictures or settings."""
        with self.opened() as connection:
            return int(read_setting(connection, "revision", "0"))

    def setting(self, key: str, default: str) -> str:
        """Return a setting that was kept, or the default."""
        with self.opened() as connection:
            return read_setting(connection, key, default)

    def keep_setting(self, key: str, value: str) -> None:
        """Keep a setting; the revision grows if it is another."""
        with self.opened(writes=True) as connection:
            if read_setting(connection, key, "") != value:
                write_setting(connection, key, value)
                grow(connection)

    def classes(self) -> list[ClassCount]:
        """List the classes in the order in which they were made."""
        query = (
            "SELECT classes.name, count(pictures.id) FROM classes LEFT JOIN pictures ON pictures.class = classes.id "
            "GROUP BY classes.id ORDER BY classes.id"
        )
        with self.opened() as connection:
            return [ClassCount(*row) for row in connection.execute(query)]

    def pictures(self, label: str | None = None) -> list[TaughtPicture]:
        """List the pictures of a class, or of all, the first added first."""
        query = (
            "SELECT pictures.id, sha256, classes.name, pictures.name FROM pictures JOIN classes ON class = classes.id "
            "WHERE ? IS NULL OR classes.name = ? ORDER BY pictures.id"
        )
        with self.opened() as connection:
            return [TaughtPicture(*row) for row in connection.execute(query, (label, label))]

    def content(self, sha256: str) -> bytes:
        """Return a picture's bytes as they came. Raises ProjectError if it is gone."""
        return self._blob("content", sha256)

    def thumbnail(self, sha256: str) -> bytes:
        """Return a small square JPEG of a picture. Raises ProjectError if it is gone."""
        return self._blob("thumbnail", sha256)

    def _blob(self, column: str, sha256: str) -> bytes:
        with self.opened() as connection:
            row = connection.execute(f"SELECT {column} FROM contents WHERE sha256 = ?", (sha256,)).fetchone()
        if row is None:
            raise ProjectError(_("the picture {sha256} is no longer in the project").format(sha256=sha256[:12]))
        return bytes(row[0])

    def add_class(self, name: str) -> str:
        """Make an empty class; returns its name as it is kept. Raises ProjectError."""
        name = check_class_name(name)
        with self.opened(writes=True) as connection:
            if class_id(connection, name) is not None:
                raise ProjectError(_("there is a class {name!r} already").format(name=name))
            make_class(connection, name, begin_change(connection, "class added", name=name))
        return name

    def rename_class(self, old: str, new: str) -> str:
        """Give a class another name; returns that as it is kept. Raises ProjectError."""
        new = check_class_name(new)
        with self.opened(writes=True) as connection:
            number = known_class(connection, old)
            if class_id(connection, new) not in (None, number):
                raise ProjectError(_("there is a class {name!r} already").format(name=new))
            change = begin_change(connection, "class renamed", old=old, new=new)
            remember(connection, change, "classes", [number])
            connection.execute("UPDATE classes SET name = ? WHERE id = ?", (new, number))
        return new

    def remove_class(self, name: str) -> None:
        """Remove a class with its pictures. Raises ProjectError."""
        with self.opened(writes=True) as connection:
            number = known_class(connection, name)
            change = begin_change(connection, "class removed", name=name)
            rows = connection.execute("SELECT id FROM pictures WHERE class = ?", (number,)).fetchall()
            remember(connection, change, "classes", [number])
            remember(connection, change, "pictures", [row[0] for row in rows])
            connection.execute("DELETE FROM pictures WHERE class = ?", (number,))
            connection.execute("DELETE FROM classes WHERE id = ?", (number,))

    def remove(self, ids: Sequence[int]) -> None:
        """Remove pictures by their numbers; those that are gone already do not matter."""
        with self.opened(writes=True) as connection:
            change = begin_change(connection, "removed", count=len(ids))
            remember(connection, change, "pictures", ids)
            connection.executemany("DELETE FROM pictures WHERE id = ?", [(number,) for number in ids])

    def move(self, ids: Sequence[int], label: str, make: bool = False) -> None:
        """Move pictures to another class, where a file that is there already is kept once.

        Args:
            ids: The pictures' numbers.
            label: The name of the class.
            make: Make the class if there is none of that name.

        Raises:
            ProjectError: There is no such class, or none can have that name.
        """
        with self.opened(writes=True) as connection:
            target = class_id(connection, label) if make else known_class(connection, label)
            label = label if target else check_class_name(label)
            change = begin_change(connection, "moved", count=len(ids), label=label)
            target = target or class_id(connection, label) or make_class(connection, label, change)
            remember(connection, change, "pictures", ids)
            for number in ids:
                move_picture(connection, number, target)

    def add(
        self,
        label: str,
        files: Iterable[tuple[str, bytes | Path]],
        on_outcome: Callable[[Outcome], object] = lambda outcome: None,
    ) -> list[Outcome]:
        """Add pictures to a class, which is made with the first; each is kept before the next is looked at.

        Args:
            label: The name of the class.
            files: Names with bytes, or with the file that has them; taken one after another, as they are needed.
            on_outcome: Called with each outcome as soon as it is there, for progress.

        Returns:
            What happened to each file, in order.

        Raises:
            ProjectError: The class cannot have that name, or the project is gone.
        """
        outcomes, adding = list[Outcome](), _Adding(check_class_name(label))
        with self._connected() as connection:  # one for all: the last to close has to empty the log
            for name, examined in _examined(files):
                if isinstance(examined, str):
                    outcome = Outcome(name, REFUSED, examined)
                else:
                    outcome = self._keep(connection, adding, name, examined)
                outcomes.append(outcome)
                on_outcome(outcome)
        return outcomes

    def _keep(self, connection: sqlite3.Connection, adding: _Adding, name: str, examined: Examined) -> Outcome:
        """Keep a picture in the class that is added to, and say what happened."""
        with self.lock, transaction(connection, writes=True):
            adding.look_again(connection)
            there = "SELECT 1 FROM pictures WHERE sha256 = ? AND class = ?"
            if connection.execute(there, (examined.sha256, adding.number)).fetchone():
                return Outcome(name, KNOWN)
            if full := self._why_full(connection, adding, len(examined.content)):
                return Outcome(name, REFUSED, full)
            change = adding.change = adding.change or begin_change(connection, "added", label=adding.label)
            number = adding.number = adding.number or make_class(connection, adding.label, change)
            row = (examined.sha256, examined.side, examined.brightness, examined.sharpness, examined.likeness)
            connection.execute("INSERT OR IGNORE INTO files VALUES (?, ?, ?, ?, ?)", row)
            blobs = (examined.sha256, examined.thumbnail, examined.content)
            connection.execute("INSERT OR IGNORE INTO contents VALUES (?, ?, ?)", blobs)
            made = connection.execute(
                "INSERT INTO pictures (sha256, class, name) VALUES (?, ?, ?)", (examined.sha256, number, name)
            )
            connection.execute(
                "INSERT INTO undo (change, kind, row) VALUES (?, 'pictures', ?)", (change, made.lastrowid)
            )
            grow(connection)
        return Outcome(name, ADDED)

    def _why_full(self, connection: sqlite3.Connection, adding: _Adding, size: int) -> str:
        count = connection.execute("SELECT count(*) FROM pictures").fetchone()[0]
        if count >= MOST_PICTURES:
            full = _("A project holds up to {count} pictures; remove some first.")
            return full.format(count=integer(MOST_PICTURES))
        if self.in_memory and _taken(connection) + size > MOST_IN_MEMORY:
            forget_changes(connection, but=adding.change)  # removed pictures, too, take room until no undo needs them
            if _taken(connection) + size > MOST_IN_MEMORY:
                full = _("Up to {limit} MB of pictures are kept for a visitor; remove some first.")
                return full.format(limit=MOST_IN_MEMORY // 2**20)
        return ""

    @property
    def undoable(self) -> str:
        """What `undo` would take back, as words; empty for nothing."""
        with self.opened() as connection:
            row = connection.execute("SELECT about FROM changes ORDER BY id DESC LIMIT 1").fetchone()
        return describe_change(row[0]) if row else ""

    @property
    def last_change(self) -> int:
        """The number of the change that `undo` would take back; 0 for none."""
        with self.opened() as connection:
            return int(connection.execute("SELECT coalesce(max(id), 0) FROM changes").fetchone()[0])

    def undo(self, change: int | None = None) -> str:
        """Take the last change back.

        Args:
            change: Its number; if another change has come since, nothing happens. None for whichever is the last.

        Returns:
            What it was, in words; empty if nothing was taken back.
        """
        with self.opened(writes=True) as connection:
            last = connection.execute("SELECT id, about FROM changes ORDER BY id DESC LIMIT 1").fetchone()
            if last is None or change not in (None, last[0]):
                return ""
            steps = connection.execute("SELECT kind, row, before FROM undo WHERE change = ? ORDER BY id DESC", last[:1])
            for kind, number, before in steps.fetchall():
                put_back(connection, kind, number, before)
            connection.execute("DELETE FROM undo WHERE change = ?", last[:1])
            connection.execute("DELETE FROM changes WHERE id = ?", last[:1])
            purge(connection)
            grow(connection)
        return describe_change(last[1])


def _taken(connection: sqlite3.Connection) -> int:
    """Return how many bytes the pictures' files have."""
    return int(connection.execute("SELECT sum(length(content)) FROM contents").fetchone()[0] or 0)


def check_class_name(name: str) -> str:
    """Return a class name without spaces around it. Raises ProjectError if it cannot be one."""
    name = unicodedata.normalize("NFC", " ".join(name.split()))
    if not name or len(name) > 64 or printable(name) != name or "/" in name or "\\" in name or name.startswith("."):
        raise ProjectError(
            _("{name!r} cannot be a class name; it needs 1 to 64 letters, digits or signs, and no slashes").format(
                name=name[:80]
            )
        )
    return name


def _examined(files: Iterable[tuple[str, bytes | Path]]) -> Iterator[tuple[str, Examined | str]]:
    """Decode and measure files, a few of them ahead on other threads; yield their names with that or what is wrong."""
    language = current_language()

    def look(content: bytes | Path) -> Examined | str:
        with use_language(language):  # a thread begins with the default one
            try:
                return examine(read_file(content) if isinstance(content, Path) else content)
            except InvalidImage as error:
                return str(error)

    waiting = iter(files)
    with ThreadPoolExecutor() as pool:
        ahead = [(name, pool.submit(look, content)) for name, content in islice(waiting, _AHEAD)]
        while ahead:
            name, future = ahead.pop(0)
            yield utf8_name(name), future.result()
            ahead += [(name, pool.submit(look, content)) for name, content in islice(waiting, 1)]
