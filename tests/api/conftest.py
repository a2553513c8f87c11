"""The API in this process, quick to ask, and as a server of its own for what needs real connections."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from api.app import create_app
from benchmarks.servers import API, Server, started
from model.common.settings import Settings
from model.inference.pool import Pool
from tests.api.clients import SAMPLES, MakeClient
from tests.drawn import encode, picture


@pytest.fixture(scope="session")
def pool() -> Pool:
    """The shipped network's int8 file, loaded once."""
    pool = Pool()
    pool.get("default", "int8")
    return pool


@pytest.fixture
def make_client(pool: Pool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[MakeClient]:
    """Makes a client of an API with some settings; the others are their defaults, the engine int8."""
    monkeypatch.setenv("VITRINE_HOME", str(tmp_path))
    with ExitStack() as stack:

        def make(pool: Pool = pool, raise_server_exceptions: bool = True, **settings: object) -> TestClient:
            app = create_app(Settings(**{"engine": "int8"} | settings), pool)
            return stack.enter_context(TestClient(app, raise_server_exceptions=raise_server_exceptions))

        yield make


@pytest.fixture
def client(make_client: MakeClient) -> TestClient:
    return make_client()


@pytest.fixture(scope="session")
def api() -> Iterator[Server]:
    """`python -m api` with the int8 engine."""
    with started([*API, "--engine", "int8"]) as server:
        yield server


@pytest.fixture(scope="session")
def photo() -> bytes:
    """A horse as a JPEG."""
    return (SAMPLES / "horse-zaniskari.jpg").read_bytes()


@pytest.fixture(scope="session")
def frog() -> bytes:
    return (SAMPLES / "frog-brown.png").read_bytes()


@pytest.fixture(scope="session")
def drawn() -> bytes:
    """A small PNG."""
    return encode(picture(0), "PNG")
