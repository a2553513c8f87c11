"""Shards on a Ray cluster: an actor a core, with its network loaded once."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterator, Sequence
from typing import Any

from model.batch.plan import BatchError, Plan
from model.batch.shards import ShardResult, answer_shard, load_network
from model.common.errors import VitrineError
from model.common.ray_cluster import connect, first_line
from model.i18n.translations import gettext as _

_TRIES = 4  # of a shard whose actors die
_WAIT_SECONDS = 1.0


class _Actor:
    """One core of the cluster."""

    def __init__(self, plan: Plan) -> None:
        self._plan, self._classifier = plan, load_network(plan)

    def is_ready(self) -> bool:
        """Return once the network is loaded."""
        return True

    def answer(self, shard: int) -> ShardResult:
        """Do a shard; a worker has one core, and so one thread."""
        return answer_shard(self._plan, shard, self._classifier, 1)


def run_on_ray(plan: Plan, shards: Sequence[int], address: str, workers: int | None = None) -> Iterator[ShardResult]:
    """Yield each shard as it is done; the shards of a node that is lost go to others.

    Vitrine must be installed on every node, and every node must see the source and the folder of the answers under the
    same names.

    Args:
        plan: What is to be done.
        shards: The shards to do.
        address: The cluster's, such as `auto` or `ray://host:10001`, or `local` to start one here.
        workers: Actors, with a core each; None for as many as the cluster has cores now. More than that make an
            autoscaling cluster grow.

    Raises:
        BatchError: A shard fails on one actor after another.
        ClusterError: The cluster cannot be reached.
        NotInstalled: Ray is not there.
    """
    with connect(address) as ray:
        count = workers or max(1, int(ray.cluster_resources().get("CPU", 1)))
        yield from _Cluster(ray, plan, shards).run(min(count, len(shards)))


class _Cluster:
    """The actors of a batch and what each of them does now."""

    def __init__(self, ray: Any, plan: Plan, shards: Sequence[int]) -> None:
        self._ray, self._plan = ray, plan
        self._actor = ray.remote(num_cpus=1)(_Actor)
        self._waiting = deque(shards)
        self._tries: Counter[int] = Counter()
        # What is awaited -> whose it is, and the shard; an actor that is not ready yet has none, and holds none up.
        self._running: dict[Any, tuple[Any, int | None]] = {}

    def run(self, actors: int) -> Iterator[ShardResult]:
        for _number in range(actors):
            self._add_actor()
        left = len(self._waiting)
        while left:
            done, _others = self._ray.wait(list(self._running), num_returns=1, timeout=_WAIT_SECONDS)
            for reference in done:
                result = self._take(reference)
                if result is not None:
                    left -= 1
                    yield result

    def _add_actor(self) -> None:
        actor = self._actor.remote(self._plan)
        self._running[actor.is_ready.remote()] = (actor, None)

    def _take(self, reference: Any) -> ShardResult | None:
        """Take what an actor has done and give it the next shard; a lost one's shard goes back to the others."""
        actor, shard = self._running.pop(reference)
        try:
            result = self._ray.get(reference)
        except self._ray.exceptions.RayError as error:
            self._begin_anew(shard, error)
            return None
        if self._waiting:
            following = self._waiting.popleft()
            self._running[actor.answer.remote(following)] = (actor, following)
        return result if shard is not None else None

    def _begin_anew(self, shard: int | None, error: Exception) -> None:
        if shard is not None:
            self._waiting.appendleft(shard)
        cause = _cause_of(error)
        self._tries[-1 if shard is None else shard] += 1
        if cause or self._tries[-1 if shard is None else shard] >= _TRIES:
            raise BatchError(
                cause
                or _("the workers on the Ray cluster die again and again: {reason}").format(reason=first_line(error))
            )
        self._add_actor()


def _cause_of(error: Exception) -> str:
    """Return the sentence of an error of ours that an actor ended with."""
    cause = getattr(error, "cause", None)
    return str(cause) if isinstance(cause, VitrineError) else ""
