"""The rows of a project, and what they contained before each change, so that changes can be undone one by one."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager

from model.common.text import did_you_mean
from model.i18n.number_format import integer
from model.i18n.translations import gettext as _
from model.i18n.translations import ngettext
from training.projects.schema import ProjectError

MOST_CLASSES = 1000
_UNDO_CHANGES = 100  # that can be undone; what only older ones need is deleted for good
_DESCRIPTIONS: dict[str, Callable[..., str]] = {
    "class added": lambda name: _("class {name} added").format(name=name),
    "class renamed": lambda old, new: _("class {old} renamed to {new}").format(old=old, new=new),
    "class removed": lambda name: _("class {name} removed").format(name=name),
    "added": lambda label: _("pictures added to {label}").format(label=label),
    "moved": lambda count, label: ngettext(
        "{count} picture moved to {label}", "{count} pictures moved to {label}", count
    ).format(count=integer(count), label=label),
    "removed": lambda count: ngettext("{count} picture removed", "{count} pictures removed", count).format(
        count=integer(count)
    ),
}


@contextmanager
def transaction(connection: sqlite3.Connection, writes: bool) -> Iterator[None]:
    """Run the block as one transaction: all that it writes is kept, or nothing."""
    connection.execute("BEGIN IMMEDIATE" if writes else "BEGIN")
    try:
        yield
    except BaseException:
        if connection.in_transaction:  # on a full disk, SQLite has rolled back itself
            connection.execute("ROLLBACK")
        raise
    connection.execute("COMMIT")


def read_setting(connection: sqlite3.Connection, key: str, default: str) -> str:
    """Return a setting, or the default."""
    row = connection.execute("SELECT value FROM settings WHERE key = ?", (key,)).fetchone()
    return row[0] if row else default


def write_setting(connection: sqlite3.Connection, key: str, value: str) -> None:
    """Keep a setting."""
    connection.execute("INSERT OR REPLACE INTO settings VALUES (?, ?)", (key, value))


def grow(connection: sqlite3.Connection) -> None:
    """Increase the revision, because something has changed."""
    write_setting(connection, "revision", str(int(read_setting(connection, "revision", "0")) + 1))


def has_row(connection: sqlite3.Connection, table: str, number: int) -> bool:
    """Return whether a table has the row of this number."""
    return connection.execute(f"SELECT 1 FROM {table} WHERE id = ?", (number,)).fetchone() is not None


def class_id(connection: sqlite3.Connection, name: str) -> int | None:
    """Return the number of a class, or None."""
    row = connection.execute("SELECT id FROM classes WHERE name = ?", (name,)).fetchone()
    return row[0] if row else None


def known_class(connection: sqlite3.Connection, name: str) -> int:
    """Return the number of a class. Raises ProjectError, with a list of the classes, if it does not exist."""
    number = class_id(connection, name)
    if number is None:
        names = [row[0] for row in connection.execute("SELECT name FROM classes ORDER BY id")]
        raise ProjectError(
            _("unknown class {name!r}; classes: {names}{hint}").format(
                name=name[:80], names=", ".join(names[:20]) or _("none yet"), hint=did_you_mean(name, names)
            )
        )
    return number


def make_class(connection: sqlite3.Connection, name: str, change: int) -> int:
    """Make a class within a change; returns its number. Raises ProjectError if there are too many."""
    count = connection.execute("SELECT count(*) FROM classes").fetchone()[0]
    if count >= MOST_CLASSES:
        raise ProjectError(_("a project can have up to {count} classes").format(count=integer(MOST_CLASSES)))
    number = connection.execute("INSERT INTO classes (name) VALUES (?)", (name,)).lastrowid
    connection.execute("INSERT INTO undo (change, kind, row) VALUES (?, 'classes', ?)", (change, number))
    return int(number or 0)


def move_picture(connection: sqlite3.Connection, number: int, target: int) -> None:
    """Move a picture to a class; if the class has the same file already, the picture is deleted."""
    there = "SELECT 1 FROM pictures WHERE class = ? AND sha256 = (SELECT sha256 FROM pictures WHERE id = ?) AND id != ?"
    if connection.execute(there, (target, number, number)).fetchone():
        connection.execute("DELETE FROM pictures WHERE id = ?", (number,))
    else:
        connection.execute("UPDATE pictures SET class = ? WHERE id = ?", (target, number))


def begin_change(connection: sqlite3.Connection, kind: str, **values: str | int) -> int:
    """Begin a change that can be undone, and forget all but the last hundred.

    Args:
        connection: To the project's tables.
        kind: A key of `_DESCRIPTIONS`.
        values: What its description needs. It is made when it is read, in the language of whoever reads it.
    """
    about = json.dumps([kind, values], ensure_ascii=False)
    number = int(connection.execute("INSERT INTO changes (about) VALUES (?)", (about,)).lastrowid or 0)
    oldest = connection.execute("SELECT id FROM changes ORDER BY id DESC LIMIT 1 OFFSET ?", (_UNDO_CHANGES,)).fetchone()
    if oldest:
        connection.execute("DELETE FROM changes WHERE id <= ?", oldest)
        connection.execute("DELETE FROM undo WHERE change <= ?", oldest)
        purge(connection)
    grow(connection)
    return number


def can_grow(connection: sqlite3.Connection, change: int) -> bool:
    """Return whether more pictures can be part of a change: it is there, and none has been moved or removed since.

    One that comes after that might be where the move, once undone, puts the same file.
    """
    later = "SELECT 1 FROM changes WHERE id > ? AND (about LIKE '[\"moved\"%' OR about LIKE '[\"removed\"%')"
    return has_row(connection, "changes", change) and connection.execute(later, (change,)).fetchone() is None


def describe_change(about: str) -> str:
    """Say what a change was, from its row; an older row holds the words themselves."""
    try:
        kind, values = json.loads(about)
        return _DESCRIPTIONS[kind](**values)
    except (ValueError, TypeError, KeyError):
        return about


def purge(connection: sqlite3.Connection) -> None:
    """Delete files that no picture refers to, nor any picture that an undo would bring back."""
    kept = (
        "SELECT sha256 FROM pictures UNION SELECT json_extract(before, '$.sha256') FROM undo "
        "WHERE kind = 'pictures' AND before IS NOT NULL"
    )
    for table in ("files", "contents", "features"):
        connection.execute(f"DELETE FROM {table} WHERE sha256 NOT IN ({kept})")


def forget_changes(connection: sqlite3.Connection, but: int = 0) -> None:
    """Forget what undo would take back, but for one change, and delete the files that only that needed."""
    connection.execute("DELETE FROM changes WHERE id != ?", (but,))
    connection.execute("DELETE FROM undo WHERE change != ?", (but,))
    purge(connection)


def remember(connection: sqlite3.Connection, change: int, kind: str, ids: Iterable[int]) -> None:
    """Record what rows contain before a change."""
    columns = ("name",) if kind == "classes" else ("sha256", "class", "name")
    for number in ids:
        row = connection.execute(f"SELECT {', '.join(columns)} FROM {kind} WHERE id = ?", (number,)).fetchone()
        if row:
            before = json.dumps(dict(zip(columns, row, strict=True)))
            connection.execute(
                "INSERT INTO undo (change, kind, row, before) VALUES (?, ?, ?, ?)", (change, kind, number, before)
            )


def put_back(connection: sqlite3.Connection, kind: str, number: int, before: str | None) -> None:
    """Restore a row to what it was before a change, or delete it if the change had made it."""
    connection.execute(f"DELETE FROM {kind} WHERE id = ?", (number,))
    if before is not None:
        values = json.loads(before)
        columns, signs = ", ".join(values), ", ".join("?" * len(values))
        connection.execute(f"INSERT INTO {kind} (id, {columns}) VALUES (?, {signs})", (number, *values.values()))
