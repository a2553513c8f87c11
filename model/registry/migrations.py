"""The store's tables, step by step: each change is one numbered migration, and a number once given is never edited."""

from __future__ import annotations

from collections.abc import Callable

from sqlalchemy import (
    JSON,
    Column,
    Connection,
    Float,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    UniqueConstraint,
    column,
    func,
    insert,
    inspect,
    select,
    table,
)

VERSION = table("schema_version", column("number", Integer))
LARGEST = 2**30  # bytes of a column; some databases choose the type by it


def create_models(connection: Connection) -> None:
    """1: models with their bytes, and settings such as which model is the default."""
    tables = MetaData()
    Table(
        "models",
        tables,
        Column("id", Integer, primary_key=True),
        Column("name", String(64), nullable=False),
        Column("version", Integer, nullable=False),
        Column("suffix", String(16), nullable=False),
        Column("bytes", Integer, nullable=False),
        Column("sha256", String(64), nullable=False, unique=True),
        Column("card", JSON, nullable=False),
        Column("content", LargeBinary(LARGEST), nullable=False),
        Column("added", Float, nullable=False),
        Column("removed", Float),
        UniqueConstraint("name", "version"),
    )
    Table("settings", tables, Column("key", String(64), primary_key=True), Column("value", String(255), nullable=False))
    tables.create_all(connection)


def create_answers(connection: Connection) -> None:
    """2: answers that were given, and what people said of them."""
    tables = MetaData()
    Table(
        "answers",
        tables,
        Column("id", Integer, primary_key=True),
        Column("time", Float, nullable=False, index=True),
        Column("picture_sha256", String(64), nullable=False, index=True),
        Column("thumbnail", LargeBinary(2**20), nullable=False),
        Column("model", String(255), nullable=False),
        Column("model_sha256", String(64), nullable=False),
        Column("probabilities", JSON, nullable=False),
        Column("truth", String(255)),
        Column("judged", Float),
    )
    tables.create_all(connection)


MIGRATIONS: tuple[Callable[[Connection], None], ...] = (create_models, create_answers)


def migrate(connection: Connection) -> None:
    """Run, inside the connection's transaction, the migrations that the database has not seen."""
    number = current(connection)
    if number == 0:
        Table(VERSION.name, MetaData(), Column("number", Integer, primary_key=True)).create(connection)
    for following, step in enumerate(MIGRATIONS[number:], start=number + 1):
        step(connection)
        connection.execute(insert(VERSION).values(number=following))


def current(connection: Connection) -> int:
    """The number of the last migration that the database has seen; 0 for an empty database."""
    if not inspect(connection).has_table(VERSION.name):
        return 0
    return connection.execute(select(func.max(VERSION.c.number))).scalar() or 0
