"""The tables of a project's SQLite file, and connections to it."""

from __future__ import annotations

import sqlite3
from pathlib import Path

from model.common.errors import VitrineError

BUSY_SECONDS = 20.0  # how long a writer waits for another process
VERSION = 1
_TABLES = """
CREATE TABLE IF NOT EXISTS classes (id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT NOT NULL UNIQUE);
-- One picture in one class; the same file may stand in two classes, which the report then says.
CREATE TABLE IF NOT EXISTS pictures (
    id INTEGER PRIMARY KEY AUTOINCREMENT, sha256 TEXT NOT NULL, class INTEGER NOT NULL, name TEXT NOT NULL,
    UNIQUE (sha256, class)
);
-- Once a file: what is shown and measured comes before the bytes, so that reading it passes over none of them.
CREATE TABLE IF NOT EXISTS files (
    sha256 TEXT PRIMARY KEY, side INTEGER NOT NULL, brightness REAL NOT NULL, sharpness REAL NOT NULL,
    likeness BLOB NOT NULL
);
CREATE TABLE IF NOT EXISTS contents (sha256 TEXT PRIMARY KEY, thumbnail BLOB NOT NULL, content BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS features (
    sha256 TEXT NOT NULL, kind TEXT NOT NULL, numbers BLOB NOT NULL, PRIMARY KEY (sha256, kind)
);
CREATE TABLE IF NOT EXISTS settings (key TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS results (key TEXT PRIMARY KEY, content BLOB NOT NULL);
-- What rows of `classes` and `pictures` were before a change; no `before`: the change made the row.
CREATE TABLE IF NOT EXISTS changes (id INTEGER PRIMARY KEY AUTOINCREMENT, about TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS undo (
    id INTEGER PRIMARY KEY AUTOINCREMENT, change INTEGER NOT NULL, kind TEXT NOT NULL, row INTEGER NOT NULL, before TEXT
);
CREATE INDEX IF NOT EXISTS undo_by_change ON undo (change);
"""


class ProjectError(VitrineError, ValueError):
    """A project, class or picture that is not there or cannot be had; the message says what would be right."""


class UnknownProject(ProjectError):
    """No project has this name; the message lists those there are."""


def connect(path: Path | None) -> sqlite3.Connection:
    """Open a project's file, or None for one in memory, which any thread may use; the tables are made if need be.

    In the write-ahead log a process that is killed leaves every finished transaction.

    Raises:
        sqlite3.Error: It is no such file, or cannot be written.
    """
    connection = sqlite3.connect(
        path or ":memory:", timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=path is not None
    )
    try:
        if connection.execute("PRAGMA user_version").fetchone()[0] != VERSION:
            connection.execute("PRAGMA journal_mode = WAL")
            connection.executescript(f"BEGIN IMMEDIATE; {_TABLES} PRAGMA user_version = {VERSION}; COMMIT;")
        connection.execute("PRAGMA synchronous = NORMAL")
    except BaseException:
        connection.close()
        raise
    return connection
