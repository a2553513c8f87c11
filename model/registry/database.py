"""The database: one SQLite file under VITRINE_HOME, or another database by its URL in VITRINE_DATABASE."""

from __future__ import annotations

import logging
import random
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from functools import cache
from pathlib import Path
from typing import Any

import sqlalchemy
from sqlalchemy import URL, Connection, Engine, NullPool, event, exc, make_url, select

from model.common.errors import StoreError
from model.common.settings import read_settings
from model.i18n.translations import gettext as _
from model.registry.locations import database_file
from model.registry.migrations import MIGRATIONS, current_version, migrate
from model.registry.tables import VERSION

_log = logging.getLogger(__name__)
_BUSY_MILLISECONDS = 15_000  # a writer waits this long for another; adding a large model takes seconds
_CHECKPOINT_MILLISECONDS = 1_000  # emptying the write-ahead log waits this long for readers, while writers wait for it


def database_url() -> URL:
    """Return where the store is.

    Raises:
        StoreError: VITRINE_DATABASE is not a URL.
    """
    given = read_settings("database").database
    if not given:
        return URL.create("sqlite", database=str(database_file().absolute()))
    try:
        return make_url(given)
    except exc.ArgumentError:
        raise StoreError(
            _("VITRINE_DATABASE is no database URL; one looks like sqlite:////srv/vitrine.sqlite")
        ) from None


def sqlite_file() -> Path | None:
    """Return the store's file, or None for a database that is not a file."""
    url = database_url()
    return Path(url.database) if url.get_backend_name() == "sqlite" and url.database else None


@cache
def _engine(url: URL) -> Engine:
    """Return the engine of a database. It connects anew each time, so that a file replaced meanwhile is noticed."""
    engine = sqlalchemy.create_engine(url, poolclass=NullPool)
    if url.get_backend_name() == "sqlite":
        event.listen(engine, "connect", configure_sqlite)
        event.listen(engine, "begin", _begin)
    return engine


def configure_sqlite(connection: Any, _record: object) -> None:
    """Set up a new connection. With WAL, readers and a writer do not wait for each other and a crash breaks nothing."""
    connection.isolation_level = None  # `_begin` begins transactions, not Python's driver
    connection.execute(f"PRAGMA busy_timeout = {_BUSY_MILLISECONDS}")
    _set_wal_mode(connection)
    connection.execute("PRAGMA synchronous = NORMAL")
    connection.execute("PRAGMA foreign_keys = ON")
    connection.execute("PRAGMA secure_delete = ON")  # what is deleted is overwritten: by default in some builds only


def _set_wal_mode(connection: Any) -> None:
    """Set the journal mode, which the file then keeps. SQLite itself would not wait for other processes here."""
    end = time.monotonic() + _BUSY_MILLISECONDS / 1000
    while True:
        try:
            if connection.execute("PRAGMA journal_mode").fetchone() != ("wal",):
                connection.execute("PRAGMA journal_mode = WAL")
            return
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode != sqlite3.SQLITE_BUSY or time.monotonic() > end:
                raise
            time.sleep(random.uniform(0.001, 0.02))


def _begin(connection: Connection) -> None:
    """Begin a transaction. A writer takes its turn at once: a reader that becomes a writer later could not wait."""
    connection.exec_driver_sql("BEGIN IMMEDIATE" if connection.get_execution_options().get("writes") else "BEGIN")


@contextmanager
def read_connection() -> Iterator[Connection]:
    """Connect for queries, with the newest schema.

    Raises:
        StoreError: The database cannot be used.
    """
    with _connection(writes=False) as connection:
        yield connection


@contextmanager
def write_connection() -> Iterator[Connection]:
    """Connect for changes, which are saved together or not at all.

    Raises:
        StoreError: The database cannot be used.
    """
    with _connection(writes=True) as connection:
        yield connection


@contextmanager
def _connection(writes: bool) -> Iterator[Connection]:
    url = database_url()
    try:
        if file := sqlite_file():
            file.parent.mkdir(parents=True, exist_ok=True)
        engine = _engine(url)
        _upgrade(engine)
        with engine.connect().execution_options(writes=writes) as connection, connection.begin():
            if writes:
                # Writers take turns in other databases too: each holds this row until it has finished. SQLite has no
                # such locks and needs none.
                connection.execute(select(VERSION.c.number).with_for_update())
            yield connection
    except (exc.SQLAlchemyError, OSError, ImportError) as error:
        cause = getattr(error, "orig", None) or getattr(error, "strerror", None) or error
        reason = str(cause).strip().partition("\n")[0]
        raise StoreError(
            _("the store {url} cannot be used: {reason}").format(url=url.render_as_string(), reason=reason)
        ) from error


def erase_deleted() -> None:
    """Give back the space of what was deleted from an SQLite file, and leave nothing of it in the file and its log.

    Other databases see to that by themselves. A writer that keeps the file busy or a full disk is worth a warning; a
    reader delays only the end of the log, which goes once nobody has the file open.
    """
    url = database_url()
    if url.get_backend_name() != "sqlite":
        return
    try:
        with closing(_engine(url).raw_connection()) as connection, closing(connection.cursor()) as cursor:
            try:
                cursor.execute("VACUUM")
            finally:
                cursor.execute(f"PRAGMA busy_timeout = {_CHECKPOINT_MILLISECONDS}")
                cursor.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    except (sqlite3.Error, exc.SQLAlchemyError) as error:
        _log.warning("the store %s could not be made smaller: %s", url.render_as_string(), error)


def _upgrade(engine: Engine) -> None:
    """Run the migrations that the database has not seen.

    Raises:
        StoreError: A later version of Vitrine made the database.
    """
    with engine.connect() as connection:
        number = current_version(connection)
    if number > len(MIGRATIONS):
        raise StoreError(
            _(
                "the store {url} was written by a later version of Vitrine: its schema is number "
                "{number}, this version knows {known}"
            ).format(url=engine.url.render_as_string(), number=number, known=len(MIGRATIONS))
        )
    if number < len(MIGRATIONS):
        # Another process may be doing the same. In SQLite, `migrate` reads the version again when its turn comes; in
        # other databases the slower process fails to create a table that exists by now.
        try:
            with engine.connect().execution_options(writes=True) as connection, connection.begin():
                migrate(connection)
        except exc.DBAPIError:
            with engine.connect() as connection:
                if current_version(connection) < len(MIGRATIONS):
                    raise
