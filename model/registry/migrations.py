"""What brings a database to today's tables, step by step: each change is one numbered migration.

A new database goes through all of them, and an old one through those that it has not seen. Tables are made as they are
declared now, so a step that changes one first looks whether it was made changed.
"""

from __future__ import annotations

from collections.abc import Callable

from sqlalchemy import Connection, func, insert, inspect, select

from model.registry.tables import ANSWERS, MODELS, SETTINGS, TABLES, VERSION


def create_models(connection: Connection) -> None:
    """1: models with their bytes, and settings."""
    TABLES.create_all(connection, [MODELS, SETTINGS])


def create_answers(connection: Connection) -> None:
    """2: answers that were given."""
    TABLES.create_all(connection, [ANSWERS])


def add_known(connection: Connection) -> None:
    """3: what tells unknown pictures, of models, and what it said, of answers; earlier ones have none of it."""
    for column in (MODELS.c.known, ANSWERS.c.known_score, ANSWERS.c.verdict):
        if column.name not in {entry["name"] for entry in inspect(connection).get_columns(column.table.name)}:
            kind = column.type.compile(connection.dialect)
            connection.exec_driver_sql(f"ALTER TABLE {column.table.name} ADD COLUMN {column.name} {kind}")


MIGRATIONS: tuple[Callable[[Connection], None], ...] = (create_models, create_answers, add_known)


def migrate(connection: Connection) -> None:
    """Run, inside the connection's transaction, the migrations that the database has not seen."""
    number = current(connection)
    if number == 0:
        VERSION.create(connection)
    for following, step in enumerate(MIGRATIONS[number:], start=number + 1):
        step(connection)
        connection.execute(insert(VERSION).values(number=following))


def current(connection: Connection) -> int:
    """The number of the last migration that the database has seen; 0 for an empty database."""
    if not inspect(connection).has_table(VERSION.name):
        return 0
    return connection.execute(select(func.max(VERSION.c.number))).scalar() or 0
