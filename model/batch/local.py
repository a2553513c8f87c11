"""Shards on this machine: processes with a network each, or threads around one."""

from __future__ import annotations

import multiprocessing
import os
import signal
from collections.abc import Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from multiprocessing.synchronize import Event
from threading import Thread

from model.batch.plan import BatchError, Plan
from model.batch.shards import ShardResult, answer_shard, load_network
from model.common.cores import cores
from model.common.errors import VitrineError
from model.i18n.translations import gettext as _
from model.inference.classifier import Classifier

_RESTARTS = 3  # of the processes, after one of them was killed
_AHEAD = 2  # shards a process that are handed over before their turn


def workers_for(engine: str) -> int:
    """Return how many processes keep all cores busy: a Keras network uses them all by itself."""
    return cores() if engine == "int8" else 1


def run_here(plan: Plan, shards: Sequence[int], workers: int) -> Iterator[ShardResult]:
    """Yield each shard as it is done. A process that dies is replaced, and its shard is begun anew.

    Args:
        plan: What is to be done.
        shards: The shards to do.
        workers: Processes; with 1 the work is done in this one.

    Raises:
        BatchError: Processes die again and again.
        BundleError: The network cannot be loaded.
    """
    if min(workers, len(shards)) <= 1:
        yield from _run_in_this_process(plan, shards)
        return
    left = list(shards)
    for _attempt in range(1 + _RESTARTS):
        try:
            for result in _run_in_processes(plan, tuple(left), workers):
                left.remove(result.shard)
                yield result
            return
        except BrokenProcessPool:
            continue
    raise BatchError(
        _("the processes were killed {count} times, perhaps for want of memory; try fewer --workers").format(
            count=1 + _RESTARTS
        )
    )


def _run_in_this_process(plan: Plan, shards: Sequence[int]) -> Iterator[ShardResult]:
    classifier = load_network(plan)
    for shard in shards:
        yield answer_shard(plan, shard, classifier)


def _run_in_processes(plan: Plan, shards: Sequence[int], workers: int) -> Iterator[ShardResult]:
    context = multiprocessing.get_context("spawn")  # TensorFlow does not survive a fork
    stop = context.Event()
    executor = ProcessPoolExecutor(min(workers, len(shards)), context, _begin_worker, (plan, stop))
    waiting = iter(shards)
    running: set[Future[ShardResult]] = set()
    try:
        while True:
            for shard in waiting:
                running.add(executor.submit(_answer_shard, shard))
                if len(running) >= workers * _AHEAD:
                    break
            if not running:
                return
            done, running = wait(running, return_when=FIRST_COMPLETED)
            yield from (future.result() for future in done)
    finally:
        stop.set()
        executor.shutdown(wait=True, cancel_futures=True)


class _Worker:
    """What one process has: the plan, its own network, and the sign to stop."""

    plan: Plan
    network: Classifier | VitrineError  # or why it cannot be loaded
    stop: Event


def _begin_worker(plan: Plan, stop: Event) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches all processes; the first one tells the others
    Thread(target=_end_with_parent, name="parent", daemon=True).start()
    _Worker.plan, _Worker.stop = plan, stop
    try:
        _Worker.network = load_network(plan)
    except VitrineError as error:  # raised here, it would end the process, and the next one would meet it again
        _Worker.network = error


def _end_with_parent() -> None:
    """End this process when the first one is killed: it would wait for shards for ever."""
    parent = multiprocessing.parent_process()
    assert parent is not None
    parent.join()
    os._exit(1)


def _answer_shard(shard: int) -> ShardResult:
    if isinstance(_Worker.network, VitrineError):
        raise _Worker.network
    return answer_shard(_Worker.plan, shard, _Worker.network, 1, _Worker.stop.is_set)
