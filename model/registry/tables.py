"""The database's tables, declared once: queries name their columns, migrations create them."""

from __future__ import annotations

from sqlalchemy import JSON, Column, Float, Integer, LargeBinary, MetaData, String, Table, UniqueConstraint

_MAX_BYTES = 2**30  # of a column; some databases choose its type by this
TABLES = MetaData()

VERSION = Table("schema_version", TABLES, Column("number", Integer, primary_key=True))

# Models with their bytes. `removed`: when it was removed, in seconds since 1970, while it can still be restored;
# `known`: the bytes of known.npz, if it has one.
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
    Column("content", LargeBinary(_MAX_BYTES), nullable=False),
    Column("added", Float, nullable=False),
    Column("removed", Float),
    Column("known", LargeBinary(2**24)),
    UniqueConstraint("name", "version"),
)

# For example, which model is the default.
SETTINGS = Table(
    "settings", TABLES, Column("key", String(64), primary_key=True), Column("value", String(255), nullable=False)
)

# Saved answers, and the feedback on them.
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
