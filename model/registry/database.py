"""The database: one SQLite file under VITRINE_HOME, or another database by its URL in VITRINE_DATABASE."""

from __future__ import annotations

import os
import random
import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

import sqlalchemy
from sqlalchemy import URL, Connection, Engine, NullPool, event, exc, make_url, select

from model.common.errors import StoreError
from model.i18n.translations import gettext as _
from model.registry.locations import database_file
from model.registry.migrations import MIGRATIONS, current, migrate
from model.registry.tables import VERSION

BUSY_MILLISECONDS = 15_000  # how long a writer waits for another; adding a large model takes seconds


def database_url() -> URL:
    """Where the store is. Raises StoreError for a VITRINE_DATABASE that is no URL."""
    given = os.environ.get("VITRINE_DATABASE")
    if not given:
        return URL.create("sqlite", database=str(database_file().absolute()))
    try:
        return make_url(given)
    except exc.ArgumentError:
        raise StoreError(
            _("VITRINE_DATABASE is no database URL; one looks like sqlite:////srv/vitrine.sqlite")
        ) from None


def sqlite_file() -> Path | None:
    """The store's file, or None for a database that is not a file."""
    url = database_url()
    return Path(url.database) if url.get_backend_name() == "sqlite" and url.database else None


@cache
def engine_for(url: URL) -> Engine:
    """One engine a database; its connections are opened for each use, so that a file replaced meanwhile is noticed."""
    engine = sqlalchemy.create_engine(url, poolclass=NullPool)
    if url.get_backend_name() == "sqlite":
        event.listen(engine, "connect", prepare)
        event.listen(engine, "begin", begin)
    return engine


def prepare(connection: Any, _record: object) -> None:
    """WAL: readers and a writer do not wait for each other, and a writer that is killed leaves a whole file."""
    connection.isolation_level = None  # transactions begin where `begin` says, not where Python's driver guesses
    connection.execute(f"PRAGMA busy_timeout = {BUSY_MILLISECONDS}")
    write_ahead(connection)
    connection.execute("PRAGMA synchronous = NORMAL")
    connection.execute("PRAGMA foreign_keys = ON")


def write_ahead(connection: Any) -> None:
    """Set the journal's mode, which the file then keeps. SQLite does not wait for other processes here: we do."""
    end = time.monotonic() + BUSY_MILLISECONDS / 1000
    while True:
        try:
            if connection.execute("PRAGMA journal_mode").fetchone() != ("wal",):
                connection.execute("PRAGMA journal_mode = WAL")
            return
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode != sqlite3.SQLITE_BUSY or time.monotonic() > end:
                raise
            time.sleep(random.uniform(0.001, 0.02))


def begin(connection: Connection) -> None:
    """A writer takes its turn at once: a reader that becomes a writer half-way could not wait for another."""
    connection.exec_driver_sql("BEGIN IMMEDIATE" if connection.get_execution_options().get("writes") else "BEGIN")


@contextmanager
def reading() -> Iterator[Connection]:
    """A connection for queries, on the newest schema. Raises StoreError when the database cannot be used."""
    with opened(writes=False) as connection:
        yield connection


@contextmanager
def writing() -> Iterator[Connection]:
    """A connection whose changes are kept together, or not at all. Raises StoreError like `reading`."""
    with opened(writes=True) as connection:
        yield connection


@contextmanager
def opened(writes: bool) -> Iterator[Connection]:
    url = database_url()
    try:
        if file := sqlite_file():
            file.parent.mkdir(parents=True, exist_ok=True)
        engine = engine_for(url)
        bring_up(engine)
        with engine.connect().execution_options(writes=writes) as connection, connection.begin():
            if writes:
                # Writers take turns in other databases too: each holds this row until it has finished. SQLite has no
                # such locks and needs none.
                connection.execute(select(VERSION.c.number).with_for_update())
            yield connection
    except (exc.SQLAlchemyError, OSError, ImportError) as error:
        reason = str(getattr(error, "orig", None) or error).strip().partition("\n")[0]
        raise StoreError(
            _("the store {url} cannot be used: {reason}").format(url=url.render_as_string(), reason=reason)
        ) from error


def bring_up(engine: Engine) -> None:
    """Run the migrations that the database has not seen. Raises StoreError for one made by a later version."""
    with engine.connect() as connection:
        number = current(connection)
    if number > len(MIGRATIONS):
        raise StoreError(
            _(
                "the store {url} was written by a later version of Vitrine: its schema is number "
                "{number}, this version knows {known}"
            ).format(url=engine.url.render_as_string(), number=number, known=len(MIGRATIONS))
        )
    if number < len(MIGRATIONS):
        # Another process may be doing the same. SQLite: `migrate` reads the number again once its turn to write has
        # come. Elsewhere the slower one fails to make a table that is there by now.
        try:
            with engine.connect().execution_options(writes=True) as connection, connection.begin():
                migrate(connection)
        except exc.DBAPIError:
            with engine.connect() as connection:
                if current(connection) < len(MIGRATIONS):
                    raise
