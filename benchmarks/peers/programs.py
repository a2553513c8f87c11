"""How each of the others is started, in the environment that scripts/peers.sh made."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil

from benchmarks.peers.network import FOLDER
from benchmarks.servers import ADDRESS, API, PAGES, ROOT, Server, started

PYTHON = ROOT / ".vitrine" / "peers" / "bin" / "python"
_QUIET = {"BENTOML_DO_NOT_TRACK": "True", "GRADIO_ANALYTICS_ENABLED": "False", "TF_CPP_MIN_LOG_LEVEL": "3"}


@dataclass(frozen=True)
class Program:
    """A server to start.

    title: for people; arguments: of Python, with PORT; ready: the address that is answered once it can be used;
    path: where pictures go; kind: how it wants them (benchmarks.load); ours: whether Vitrine's own Python runs it.
    """

    title: str
    arguments: Sequence[str]
    ready: str = "/api/health"
    path: str = "/predict"
    kind: str = "form"
    ours: bool = False


def _module(name: str) -> list[str]:
    return ["-m", f"benchmarks.peers.{name}_server", "PORT"]


_BENTO = ["-m", "bentoml", "serve", "benchmarks.peers.bentoml_server:Classify", "--host", ADDRESS, "--port", "PORT"]
GRADIO = Program("Gradio", _module("gradio"), "/gradio_api/info", "", "gradio")
PAGE = Program("Vitrine", PAGES, "/_stcore/health", "/predict", ours=True)
PEERS = (
    Program("Flask, model.predict", _module("flask")),
    Program("FastAPI, compiled function", _module("fastapi")),
    Program("LitServe, batches of 16", _module("litserve"), kind="json"),
    Program("BentoML, batches of 16", _BENTO, "/readyz"),
    GRADIO,
)
OURS = tuple(Program(f"Vitrine, {engine}", [*API, "--engine", engine], ours=True) for engine in ("keras", "int8"))


def check() -> None:
    """Raise RuntimeError if the others are not installed."""
    if not PYTHON.is_file():
        raise RuntimeError("the other servers are not installed; scripts/peers.sh does that")


@contextmanager
def running(program: Program, bundle: Path, wait: bool = True) -> Iterator[Server]:
    """Start a server with a bundle's network; it is ended at the end.

    Args:
        program: The server.
        bundle: The bundle's folder.
        wait: Whether to wait until it answers.
    """
    environment = {FOLDER: str(bundle), "VITRINE_MODEL": bundle.name, "PYTHONPATH": str(ROOT), **_QUIET}
    python = None if program.ours else PYTHON
    others = {"program": python} if python else {}
    with started(program.arguments, environment, program.ready if wait else None, **others) as server:
        try:
            yield server
        finally:
            for child in _children(server.process.pid):
                child.terminate()


def _children(pid: int) -> list[psutil.Process]:
    try:
        return psutil.Process(pid).children(recursive=True)
    except psutil.NoSuchProcess:
        return []


def memory_of(server: Server) -> float:
    """Return the memory of a server and its processes in MB, what they share counted once (PSS)."""
    processes = [psutil.Process(server.process.pid), *_children(server.process.pid)]
    return float(sum(one.memory_full_info().pss for one in processes)) / 1e6


def versions() -> str:
    """Return the versions of the others."""
    names = ("gradio", "flask", "fastapi", "litserve", "bentoml", "tensorflow", "torch")
    site = next((PYTHON.parent.parent / "lib").glob("python*/site-packages"))
    found = []
    for name in names:
        infos = [path.name for path in os.scandir(site) if path.name.lower().startswith(f"{name.replace('-', '_')}-")]
        found += [f"{name} {info.split('-')[1].removesuffix('.dist')}" for info in infos if info.endswith(".dist-info")]
    return ", ".join(found)
