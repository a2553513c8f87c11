"""Migrations: the numbered steps that bring a database to today's tables.

A new database goes through all of them, an old one through those that it has not seen. Tables are created as they are
declared today, so a step that adds to a table first checks whether that is there already.
"""

from __future__ import annotations

from collections.abc import Callable

from sqlalchemy import Connection, func, insert, inspect, select

from model.registry.tables import ANSWERS, MODELS, SETTINGS, TABLES, VERSION


def _create_models(connection: Connection) -> None:
    """1: models with their bytes, and settings."""
    TABLES.create_all(connection, [MODELS, SETTINGS])


def _create_answers(connection: Connection) -> None:
    """2: saved answers."""
    TABLES.create_all(connection, [ANSWERS])


def _add_known(connection: Connection) -> None:
    """3: recognition of unknown pictures for models, and its result for answers; existing rows have none."""
    for column in (MODELS.c.known, ANSWERS.c.known_score, ANSWERS.c.verdict):
        if column.name not in {entry["name"] for entry in inspect(connection).get_columns(column.table.name)}:
            kind = column.type.compile(connection.dialect)
            connection.exec_driver_sql(f"ALTER TABLE {column.table.name} ADD COLUMN {column.name} {kind}")


MIGRATIONS: tuple[Callable[[Connection], None], ...] = (_create_models, _create_answers, _add_known)


def migrate(connection: Connection) -> None:
    """Run the migrations that the database has not seen, inside the connection's transaction."""
    number = current_version(connection)
    if number == 0:
        VERSION.create(connection)
    for version, step in enumerate(MIGRATIONS[number:], start=number + 1):
        step(connection)
        connection.execute(insert(VERSION).values(number=version))


def current_version(connection: Connection) -> int:
    """Return the number of the last migration that the database has seen; 0 for an empty database."""
    if not inspect(connection).has_table(VERSION.name):
        return 0
    return connection.execute(select(func.max(VERSION.c.number))).scalar() or 0
