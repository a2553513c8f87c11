"""The database's tables, declared once: the queries name their columns, and the migrations make them."""

from __future__ import annotations

from sqlalchemy import JSON, Column, Float, Integer, LargeBinary, MetaData, String, Table, UniqueConstraint

LARGEST = 2**30  # bytes of a column; some databases choose the type by it
TABLES = MetaData()

VERSION = Table("schema_version", TABLES, Column("number", Integer, primary_key=True))

# Models with their bytes; `removed` is when, in seconds since 1970, for one that can still be brought back; `known` is
# the known.npz that tells unknown pictures, for one that has it.
MODELS = Table(
    "models",
    TABLES,
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
    Column("known", LargeBinary(2**24)),
    UniqueConstraint("name", "version"),
)

# Such as which model is the default.
SETTINGS = Table(
    "settings", TABLES, Column("key", String(64), primary_key=True), Column("value", String(255), nullable=False)
)

# Answers that were given, and what people said of them.
ANSWERS = Table(
    "answers",
    TABLES,
    Column("id", Integer, primary_key=True),
    Column("time", Float, nullable=False, index=True),
    Column("picture_sha256", String(64), nullable=False, index=True),
    Column("thumbnail", LargeBinary(2**20), nullable=False),
    Column("model", String(255), nullable=False),
    Column("model_sha256", String(64), nullable=False),
    Column("probabilities", JSON, nullable=False),
    Column("truth", String(255)),
    Column("judged", Float),
    Column("known_score", Float),
    Column("verdict", String(16)),
)
