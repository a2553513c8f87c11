"""The runs of a series side by side on a Ray cluster: a run is a task, which writes into the folder that all share."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from model.common.errors import VitrineError
from model.common.files import temporary_path
from model.common.paths import home
from model.common.ray_cluster import ClusterError, connect, first_line
from model.datasets.splits import UnsuitableSize
from model.i18n.translations import gettext as _
from training.engine.launch import choose_device, launch, read_data
from training.engine.process_environment import prepare_process
from training.runs.process import StoppedRun
from training.runs.run import own_runs_folder
from training.runs.run_options import RunOptions
from training.runs.series import Ended, Runner, SeriesRun, can_continue, is_finished

_LOST_WORKERS = 3  # of a run; after the last of them it is given up
_WAIT_SECONDS = 1.0
_LOOK_SECONDS = 60.0  # for a node to say what it sees
_STOP_SECONDS = 300.0  # for runs to keep their best weights as networks


@dataclass(frozen=True)
class Cluster:
    """A Ray cluster, with the cores that each run has; None for all of a node's."""

    address: str
    cores: int | None = None


@dataclass(frozen=True)
class _Job:
    """What a worker needs to know of a run."""

    member: SeriesRun
    options: RunOptions
    home: Path
    token: Path
    cores: int


def side_by_side(cluster: Cluster, options: RunOptions, log: Callable[[str], None]) -> Runner:
    """Return a runner that trains on a Ray cluster.

    A run whose worker is lost begins on another, and goes on from its checkpoint. Ctrl-C stops all runs, which keep
    their best weights.

    Args:
        cluster: The cluster.
        options: What each run needs.
        log: Called with a sentence about where the runs are.
    """

    def run_all(members: Iterable[SeriesRun]) -> Iterator[Ended]:
        with connect(cluster.address) as ray, _token() as token:
            own = replace(
                options,
                data=options.data and options.data.resolve(),
                category_names=options.category_names and options.category_names.resolve(),
            )
            nodes = [node for node in ray.nodes() if node["Alive"] and node["Resources"].get("CPU", 0) >= 1]
            cores = _cores(cluster, nodes, options.device)
            _require_shared(ray, nodes, [path for path in (token, own.data, own.category_names) if path])
            jobs = _Jobs(ray, cores, own, token)
            log(_("{runs} runs at a time, with {cores} cores each").format(runs=jobs.room(), cores=cores))
            yield from jobs.run(members)

    return run_all


@contextmanager
def _token() -> Iterator[Path]:
    """A file in the folder of the runs: a node that does not see it has another folder."""
    own_runs_folder().mkdir(parents=True, exist_ok=True)
    token = temporary_path(own_runs_folder().resolve() / "token")
    token.touch()
    try:
        yield token
    finally:
        with suppress(OSError):
            token.unlink(missing_ok=True)


def _cores(cluster: Cluster, nodes: list[Any], device: str) -> int:
    """Return the cores of a run. Raises ClusterError where no node can have it."""
    counts = [int(node["Resources"]["CPU"]) for node in nodes] or [1]
    if cluster.cores is not None and cluster.cores > max(counts):
        raise ClusterError(
            _("no node of the cluster has {cores} cores for a run; the largest has {most}").format(
                cores=cluster.cores, most=max(counts)
            )
        )
    if device == "gpu" and not any(node["Resources"].get("GPU") for node in nodes):
        raise ClusterError(_("no node of the cluster has a GPU; use --device cpu"))
    return cluster.cores or min(counts)


def _require_shared(ray: Any, nodes: list[Any], paths: list[Path]) -> None:
    """Raise ClusterError where a node does not see the folder of the runs, or the data."""
    from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

    look = ray.remote(num_cpus=0)(_unseen)
    asked = []
    for node in nodes:
        there = NodeAffinitySchedulingStrategy(node["NodeID"], soft=False)
        asked.append((node, look.options(scheduling_strategy=there).remote(paths)))
    for node, answer in asked:
        try:
            missing = ray.get(answer, timeout=_LOOK_SECONDS)
        except ray.exceptions.RayError as error:
            raise ClusterError(
                _("the node {node} does not answer: {reason}").format(
                    node=node["NodeManagerHostname"], reason=first_line(error)
                )
            ) from error
        if missing:
            raise ClusterError(_not_shared(node["NodeManagerHostname"], missing[0]))


def _unseen(paths: list[Path]) -> list[Path]:
    """Return which of the paths are not there, on the node that runs this."""
    return [path for path in paths if not path.exists()]


def _not_shared(node: str, path: Path) -> str:
    return _(
        "the node {node} does not see {path}; VITRINE_HOME and the data must be in a folder that all nodes share"
    ).format(node=node, path=path.parent if path.name.startswith(".") else path)


class _Jobs:
    """The tasks of a series and which run each of them is."""

    def __init__(self, ray: Any, cores: int, options: RunOptions, token: Path) -> None:
        self._ray, self._cores, self._options, self._token = ray, cores, options, token
        self._gpus = 1 if options.device == "gpu" else 0
        # A process a run: TensorFlow reads how many threads it may have once, and does not give back all its memory.
        self._task = ray.remote(num_cpus=cores, num_gpus=self._gpus, max_retries=_LOST_WORKERS, max_calls=1)(_train)
        self._running: dict[Any, SeriesRun] = {}

    def room(self) -> int:
        """Return how many runs the cluster has room for now."""
        rooms = 0
        for node in self._ray.nodes():
            if node["Alive"]:
                room = int(node["Resources"].get("CPU", 0)) // self._cores
                rooms += min(room, int(node["Resources"].get("GPU", 0))) if self._gpus else room
        return rooms

    def run(self, members: Iterable[SeriesRun]) -> Iterator[Ended]:
        waiting = iter(members)
        try:
            while True:
                # One more than there is room for: it waits for a worker, and a cluster that can grow does.
                while len(self._running) <= self.room() and (member := next(waiting, None)):
                    self._begin(member)
                if not self._running:
                    return
                done, _others = self._ray.wait(list(self._running), num_returns=1, timeout=_WAIT_SECONDS)
                for reference in done:
                    yield self._take(reference)
        except KeyboardInterrupt:
            yield from self._stop()

    def _begin(self, member: SeriesRun) -> None:
        job = _Job(member, self._options, home().resolve(), self._token, self._cores)
        self._running[self._task.remote(job)] = member

    def _take(self, reference: Any) -> Ended:
        member = self._running.pop(reference)
        try:
            status, problem = self._ray.get(reference)
        except self._ray.exceptions.RayError as error:
            return Ended(member, "interrupted", _("its workers were lost: {reason}").format(reason=first_line(error)))
        return Ended(member, status, problem)

    def _stop(self) -> Iterator[Ended]:
        """Let the runs keep their best weights, as Ctrl-C does to a run here."""
        for reference in self._running:
            self._ray.cancel(reference, force=False)
        self._ray.wait(list(self._running), num_returns=len(self._running), timeout=_STOP_SECONDS)
        for member in self._running.values():
            yield Ended(member, "interrupted")


def _train(job: _Job) -> tuple[str, str]:
    """Train a run in a worker's process; returns its status and what went wrong."""
    cores = str(job.cores)
    os.environ |= {"VITRINE_HOME": str(job.home), "TF_NUM_INTRAOP_THREADS": cores, "TF_NUM_INTEROP_THREADS": cores}
    prepare_process()
    member, options = job.member, job.options
    try:
        if not job.token.exists():  # a node that came later
            return "interrupted", _not_shared(os.uname().nodename, job.token)
        if is_finished(member):  # its worker was lost before it could say so
            return "finished", ""
        choose_device(options.device)
        dataset = read_data(member.recipe, options.data, _ignore, options.category_names, options.strict)
        resume = can_continue(member)
        outcome = launch(member.recipe, dataset, member.name, resume, _ignore, options.origin, options.tensorboard)
    except (KeyboardInterrupt, StoppedRun):
        return "interrupted", ""
    except UnsuitableSize as error:
        return "failed", str(error)
    except RuntimeError as error:  # a TrainingError: another try would end in the same way
        if not isinstance(error, VitrineError):
            raise
        return "failed", str(error)
    except (VitrineError, OSError) as error:
        return "interrupted", str(error)
    return outcome.status, ""


def _ignore(line: str) -> None:
    """Say nothing: several runs at once would talk at the same time."""
