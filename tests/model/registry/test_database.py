from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import Column, Connection, Integer, MetaData, Table, create_engine, text

from model.common.errors import StoreError
from model.registry import database, migrations, store
from model.registry.card import Card
from model.registry.database import (
    configure_sqlite,
    database_url,
    erase_deleted,
    read_connection,
    write_connection,
)

CARD = Card("x", ("cat", "dog"), 32, 0, 0, "", "", "2026-01-31")
# Adds models without end, each with bytes and a name of its own, and says so after each.
WRITER = """
import sys
from model.registry import store
from model.registry.card import Card
card = Card("x", ("cat", "dog"), 32, 0, 0, "", "", "2026-01-31")
for number in range(int(sys.argv[2])):
    content = f"{sys.argv[1]} {number} ".encode() * 20_000
    store.save_model(content, ".tflite", f"{sys.argv[1]}-{number}", card)
    print(number, flush=True)
"""


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("VITRINE_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("VITRINE_DATABASE", raising=False)
    return tmp_path / "home"


def writer(name: str, count: int) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", WRITER, name, str(count)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


def integrity(file: Path) -> str:
    connection = sqlite3.connect(file)
    try:
        return str(connection.execute("PRAGMA integrity_check").fetchone()[0])
    finally:
        connection.close()


def test_the_file_lies_in_the_users_home_in_wal_mode(home: Path) -> None:
    with write_connection() as connection:
        assert connection.execute(text("PRAGMA journal_mode")).scalar() == "wal"
        assert connection.execute(text("PRAGMA busy_timeout")).scalar() >= 5000
    assert (home / "vitrine.sqlite").is_file()


def test_what_is_deleted_is_overwritten_whatever_sqlite_was_built_with(tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "new.sqlite")) as connection:
        connection.execute("PRAGMA secure_delete = OFF")
        configure_sqlite(connection, None)
        assert connection.execute("PRAGMA secure_delete").fetchone() == (1,)


@pytest.mark.parametrize(("transaction", "warnings"), [("BEGIN IMMEDIATE", 1), ("BEGIN", 0)])
def test_a_store_in_use_is_shrunk_as_far_as_that_goes(
    transaction: str, warnings: int, home: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(database, "_BUSY_MILLISECONDS", 10)
    monkeypatch.setattr(database, "_CHECKPOINT_MILLISECONDS", 10)
    store.save_model(b"bytes" * 100_000, ".tflite", "mine", CARD)
    with closing(sqlite3.connect(home / "vitrine.sqlite", isolation_level=None)) as other:
        other.execute(transaction)
        other.execute("SELECT COUNT(*) FROM models").fetchall()
        erase_deleted()
    assert len(caplog.records) == warnings
    assert all("could not be made smaller: database is locked" in record.getMessage() for record in caplog.records)
    assert store.list_models()[0].name == "mine"


def test_a_url_names_another_database(tmp_path: Path, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VITRINE_DATABASE", f"sqlite:///{tmp_path}/other.db")
    store.save_model(b"bytes", ".tflite", "mine", CARD)
    assert (tmp_path / "other.db").is_file()
    assert not home.exists()
    assert store.find_model("mine").bytes == 5


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("nonsense", "VITRINE_DATABASE is no database URL"),
        ("oracle9://h/x", "cannot be used"),
        ("sqlite:////dev/null/x/y.db", "cannot be used"),
    ],
)
def test_a_url_that_cannot_be_used_is_a_sentence(url: str, words: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VITRINE_DATABASE", url)
    with pytest.raises(StoreError, match=words):
        store.list_models()


def test_a_password_is_not_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VITRINE_DATABASE", "oracle9://me:secret@h/x")
    with pytest.raises(StoreError) as caught:
        store.list_models()
    assert "secret" not in str(caught.value)


def test_a_file_that_is_no_database_is_a_sentence(home: Path) -> None:
    home.mkdir()
    (home / "vitrine.sqlite").write_bytes(b"This is not a database. " * 100)
    with pytest.raises(StoreError, match=r"vitrine\.sqlite cannot be used: file is not a database"):
        store.list_models()


def test_half_a_change_is_none() -> None:
    store.save_model(b"bytes", ".tflite", "mine", CARD)
    with pytest.raises(ZeroDivisionError), write_connection() as connection:
        connection.execute(text("DELETE FROM models"))
        raise ZeroDivisionError
    assert [model.name for model in store.list_models()] == ["mine"]


def test_the_tables_are_those_of_this_version(home: Path) -> None:
    with read_connection() as connection:
        made = connection.execute(text("SELECT sql FROM sqlite_master WHERE sql IS NOT NULL")).scalars()
        assert {" ".join(statement.split()) for statement in made} == {
            "CREATE TABLE schema_version ( number INTEGER NOT NULL, PRIMARY KEY (number) )",
            "CREATE TABLE models ( id INTEGER NOT NULL, name VARCHAR(64) NOT NULL, version INTEGER NOT NULL, suffix "
            "VARCHAR(16) NOT NULL, bytes INTEGER NOT NULL, sha256 VARCHAR(64) NOT NULL, card JSON NOT NULL, content "
            "BLOB NOT NULL, added FLOAT NOT NULL, removed FLOAT, known BLOB, PRIMARY KEY (id), UNIQUE (name, version), "
            "UNIQUE (sha256) )",
            'CREATE TABLE settings ( "key" VARCHAR(64) NOT NULL, value VARCHAR(255) NOT NULL, PRIMARY KEY ("key") )',
            "CREATE TABLE answers ( id INTEGER NOT NULL, time FLOAT NOT NULL, picture_sha256 VARCHAR(64) NOT NULL, "
            "thumbnail BLOB NOT NULL, model VARCHAR(255) NOT NULL, model_sha256 VARCHAR(64) NOT NULL, probabilities "
            "JSON NOT NULL, truth VARCHAR(255), judged FLOAT, known_score FLOAT, verdict VARCHAR(16), "
            "PRIMARY KEY (id) )",
            "CREATE INDEX ix_answers_time ON answers (time)",
            "CREATE INDEX ix_answers_picture_sha256 ON answers (picture_sha256)",
        }


def test_an_older_file_is_brought_up(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as older:
        older.setattr(migrations, "MIGRATIONS", migrations.MIGRATIONS[:1])
        older.setattr("model.registry.database.MIGRATIONS", migrations.MIGRATIONS)
        store.save_model(b"bytes", ".tflite", "mine", CARD)
        with read_connection() as connection:
            assert migrations.current_version(connection) == 1
            assert "answers" not in table_names(connection)

    def add_column(connection: Connection) -> None:
        connection.execute(text("ALTER TABLE models ADD COLUMN mood VARCHAR(20) DEFAULT 'good'"))

    newest = (*migrations.MIGRATIONS, add_column)
    monkeypatch.setattr(migrations, "MIGRATIONS", newest)
    monkeypatch.setattr("model.registry.database.MIGRATIONS", newest)
    assert store.load_content(store.find_model("mine").sha256) == b"bytes"
    with read_connection() as connection:
        assert migrations.current_version(connection) == len(newest)
        assert "answers" in table_names(connection)
        assert connection.execute(text("SELECT mood FROM models")).scalar() == "good"


def test_answers_of_before_there_were_verdicts_have_none(home: Path) -> None:
    from model.history import prediction_log

    with write_connection() as connection:
        for name in ("known_score", "verdict"):
            connection.execute(text(f"ALTER TABLE answers DROP COLUMN {name}"))
        connection.execute(text("ALTER TABLE models DROP COLUMN known"))
        connection.execute(text("DELETE FROM schema_version WHERE number = 3"))
        connection.execute(
            text(
                "INSERT INTO answers (time, picture_sha256, thumbnail, model, model_sha256, probabilities) "
                """VALUES (1.0, 'ab', 'small', 'mine', 'cd', '[["cat", 1.0]]')"""
            )
        )
    (kept,) = prediction_log.list_answers()
    assert (kept.label, kept.known_score, kept.verdict) == ("cat", None, None)


def table_names(connection: Connection) -> set[str]:
    return set(connection.execute(text("SELECT name FROM sqlite_master WHERE type = 'table'")).scalars())


def test_a_migration_that_fails_changes_nothing(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(connection: Connection) -> None:
        Table("half", MetaData(), Column("id", Integer)).create(connection)
        connection.execute(text("SELECT * FROM nowhere"))

    with monkeypatch.context() as wrong:
        wrong.setattr(migrations, "MIGRATIONS", (*migrations.MIGRATIONS, broken))
        wrong.setattr("model.registry.database.MIGRATIONS", migrations.MIGRATIONS)
        with pytest.raises(StoreError, match="nowhere"):
            store.list_models() if (home / "vitrine.sqlite").exists() else store.save_model(
                b"x", ".tflite", "mine", CARD
            )
    with read_connection() as connection:
        assert migrations.current_version(connection) == len(migrations.MIGRATIONS)
        assert "half" not in table_names(connection)


def test_a_file_of_a_later_version_is_left_alone(home: Path) -> None:
    store.save_model(b"bytes", ".tflite", "mine", CARD)
    with write_connection() as connection:
        connection.execute(text("INSERT INTO schema_version (number) VALUES (99)"))
    with pytest.raises(StoreError, match="later version of Vitrine: its schema is number 99"):
        store.list_models()


def test_a_writer_that_is_killed_loses_no_finished_row(home: Path) -> None:
    process = writer("a", 100_000)
    assert process.stdout is not None
    finished = [int(process.stdout.readline()) for _ in range(15)]
    os.kill(process.pid, signal.SIGKILL)
    rest = process.stdout.read()
    process.wait()
    process.stdout.close()
    finished += [int(line) for line in rest.splitlines()]
    names = {model.name for model in store.list_models()}
    assert {f"a-{number}" for number in finished} <= names
    assert len(names) <= len(finished) + 1
    for model in store.list_models():
        assert store.load_content(model.sha256) == f"a {model.name[2:]} ".encode() * 20_000
    assert integrity(home / "vitrine.sqlite") == "ok"
    store.save_model(b"bytes", ".tflite", "mine", CARD)


def test_two_processes_write_at_once_from_an_empty_home(home: Path) -> None:
    processes = [writer(name, 12) for name in ("a", "b")]
    said = [process.communicate(timeout=60)[0] for process in processes]
    assert [process.returncode for process in processes] == [0, 0]
    assert [len(lines.splitlines()) for lines in said] == [12, 12]
    assert len(store.list_models()) == 24
    assert integrity(home / "vitrine.sqlite") == "ok"


def test_a_new_file_may_be_opened_by_many_at_the_same_moment(tmp_path: Path) -> None:
    """SQLite does not wait while it changes the journal's mode: without waits of our own some of these fail."""
    start = threading.Barrier(6)

    def open_each(_: int) -> None:
        for number in range(60):
            start.wait(30)
            connection = sqlite3.connect(tmp_path / f"{number}.sqlite")
            configure_sqlite(connection, None)
            assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
            connection.close()

    with ThreadPoolExecutor(6) as pool:
        list(pool.map(open_each, range(6)))


def test_a_file_that_was_deleted_is_begun_again(home: Path) -> None:
    store.save_model(b"bytes", ".tflite", "mine", CARD)
    for path in home.glob("vitrine.sqlite*"):
        path.unlink()
    assert store.list_models() == []
    store.save_model(b"bytes", ".tflite", "mine", CARD)
    assert len(store.list_models()) == 1


def test_a_reader_does_not_wait_for_a_writer() -> None:
    store.save_model(b"bytes", ".tflite", "mine", CARD)
    with write_connection() as connection:
        connection.execute(text("UPDATE models SET name = 'other'"))
        start = time.monotonic()
        assert [model.name for model in store.list_models()] == ["mine"]
        assert time.monotonic() - start < 2


def test_the_url_of_a_home_with_strange_characters_works(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VITRINE_HOME", str(tmp_path / "my home? 100% #1"))
    store.save_model(b"bytes", ".tflite", "mine", CARD)
    assert Path(str(database_url().database)).is_file()
    assert create_engine(database_url()).url == database_url()
