"""Several processes behind one port; one that dies is replaced."""

from __future__ import annotations

import multiprocessing
import os
import shutil
import signal
import socket
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from multiprocessing.context import SpawnProcess
from threading import Thread
from types import FrameType

from prometheus_client.multiprocess import mark_process_dead

from api.app import create_app
from api.metrics import FOLDER_VARIABLE
from api.server import SHUTDOWN_SECONDS, serve
from api.sockets import listen_beside, reserve
from model.common.cores import available_cores, share_cores
from model.common.settings import Settings

_SPAWN = multiprocessing.get_context("spawn")  # TensorFlow does not survive a fork
_SIGNALS = [getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP", "SIGBREAK") if hasattr(signal, name)]
_ALWAYS = (signal.SIGINT, signal.SIGTERM)  # a shell lets what it starts in the background ignore the first
_PAUSE_SECONDS = 1.0  # from a worker's start to that of the one in its place, should it die at once
_SPARE_SECONDS = 5.0  # beyond those in which a server ends by itself


def warn_of_too_many(workers: int) -> str:
    """Return a sentence if there are more workers than cores, else an empty text."""
    if workers <= (count := available_cores()):
        return ""
    return f"{workers} workers on {count} cores take more memory than {count}, and answer no faster"


def serve_with_workers(settings: Settings, listener: socket.socket, on_ready: Callable[[], None]) -> None:
    """Answer with `settings.workers` processes until this one is told to end; then it ends as the signal wants it.

    Args:
        settings: The settings.
        listener: A socket that listens; its port is what counts.
        on_ready: Called when the first worker answers.
    """
    share_cores(settings.workers)
    folder = tempfile.mkdtemp(prefix="vitrine-metrics-")
    os.environ[FOLDER_VARIABLE] = folder  # the workers read it when they start
    workers = _Workers(settings, reserve(listener), folder)
    try:
        with workers.signals():
            workers.run(on_ready)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    signal.raise_signal(workers.signal)


@dataclass(frozen=True)
class _Worker:
    """A process, and time.monotonic() when it was started."""

    process: SpawnProcess
    started: float


class _Workers:
    """The processes behind one port.

    Attributes:
        signal: The signal that this process got; 0 while it is to go on.
    """

    def __init__(self, settings: Settings, reserved: socket.socket, folder: str) -> None:
        self._settings, self._reserved, self._folder = settings, reserved, folder
        self._workers: list[_Worker] = []
        self._woken, self._wake = _SPAWN.Pipe(duplex=False)
        self.signal = 0

    @contextmanager
    def signals(self) -> Iterator[None]:
        """Stop for signals while the block runs; for none that this process was told to ignore, as nohup does."""
        heard = [number for number in _SIGNALS if number in _ALWAYS or signal.getsignal(number) is not signal.SIG_IGN]
        before = {number: signal.signal(number, self._on_signal) for number in heard}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def _on_signal(self, number: int, _frame: FrameType | None) -> None:
        if self.signal:  # whoever asks twice does not want to wait
            for worker in self._workers:
                worker.process.kill()
            return
        self.signal = number
        self._wake.send(False)

    def run(self, on_ready: Callable[[], None]) -> None:
        """Start the workers, and replace those that die until there is a signal."""
        is_ready = False
        for _number in range(self._settings.workers):
            self._workers.append(self._start())
        while not self.signal:
            wait([self._woken, *(worker.process.sentinel for worker in self._workers)])
            while self._woken.poll() and self._woken.recv() and not is_ready:
                is_ready = True
                on_ready()
            self._replace_dead()
        self._stop()

    def _start(self) -> _Worker:
        arguments = (self._settings, self._reserved, self._folder, self._wake)
        process = _SPAWN.Process(target=_work, args=arguments, name="worker")
        # Ctrl-C reaches all processes of a terminal: one that is still starting leaves it to this one.
        ours = signal.signal(signal.SIGINT, signal.SIG_IGN)
        try:
            process.start()
        finally:
            signal.signal(signal.SIGINT, ours)
        return _Worker(process, time.monotonic())

    def _replace_dead(self) -> None:
        for index, worker in enumerate(self._workers):
            if self.signal or worker.process.is_alive():
                continue
            mark_process_dead(worker.process.pid, self._folder)  # type: ignore[no-untyped-call]
            print(_sentence_about(worker.process), file=sys.stderr, flush=True)
            time.sleep(max(0.0, worker.started + _PAUSE_SECONDS - time.monotonic()))
            self._workers[index] = self._start()

    def _stop(self) -> None:
        """Let all finish what is in flight; new connections are refused."""
        self._reserved.close()
        for worker in self._workers:
            worker.process.terminate()
        end = time.monotonic() + SHUTDOWN_SECONDS + _SPARE_SECONDS
        for worker in self._workers:
            worker.process.join(max(0.0, end - time.monotonic()))
            worker.process.kill()
            worker.process.join()


def _sentence_about(process: SpawnProcess) -> str:
    code = process.exitcode or 0
    how = f"was ended by signal {-code}" if code < 0 else f"ended with status {code}"
    return f"worker {process.pid} {how}; another takes its place"


def _work(settings: Settings, reserved: socket.socket, folder: str, wake: Connection) -> None:
    """Be a worker: it listens once its network is loaded, for until then there are the others."""
    Thread(target=_end_with_parent, args=(folder,), name="parent", daemon=True).start()
    share_cores(settings.workers)
    app = create_app(settings)
    app.state.inference.warm_up()
    listener = listen_beside(reserved)
    wake.send(True)
    serve(app, listener)


def _end_with_parent(folder: str) -> None:
    """End when the first process is killed: nobody would tell this one to, nor remove what they share."""
    parent = multiprocessing.parent_process()
    assert parent is not None
    parent.join()
    shutil.rmtree(folder, ignore_errors=True)
    os.kill(os.getpid(), signal.SIGTERM)
