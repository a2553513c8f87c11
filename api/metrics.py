"""Metrics for Prometheus: requests, their duration, predictions, the queue; of all workers together."""

from __future__ import annotations

import os
import struct
from collections.abc import Iterable, Iterator
from time import perf_counter, sleep

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    PlatformCollector,
    ProcessCollector,
    generate_latest,
)
from prometheus_client.metrics_core import Metric
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.registry import Collector
from starlette.types import ASGIApp, Message, Receive, Scope, Send

# The folder through which processes add up their figures. prometheus_client reads it when it is imported.
FOLDER_VARIABLE = "PROMETHEUS_MULTIPROC_DIR"
_BUCKETS = (0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10)
_LOOKS, _PAUSE = 20, 0.05  # how often a file that is not whole yet is read again, and the seconds between
_START = "process_start_time_seconds"


class Metrics:
    """One server's counters, in a registry of their own; with several workers, those of all of them are read."""

    def __init__(self) -> None:
        own = CollectorRegistry()
        self.requests = Counter("vitrine_requests", "Requests by route and status", ["route", "status"], registry=own)
        self.seconds = Histogram(
            "vitrine_request_seconds",
            "Seconds from a request's head to its answer",
            ["route"],
            registry=own,
            buckets=_BUCKETS,
        )
        self.answers = Counter(
            "vitrine_answers", "Pictures by model and predicted class", ["model", "category"], registry=own
        )
        # Of gauges, those of workers that have died do not count: `live` makes them so.
        self.queue = Gauge(
            "vitrine_queue",
            "Requests that wait for a thread or have one",
            registry=own,
            multiprocess_mode="livesum",
        )
        self.ready = Gauge(
            "vitrine_ready", "Workers whose default network is loaded", registry=own, multiprocess_mode="livesum"
        )
        self.of_worker = Gauge(
            "vitrine_worker_requests", "Requests that each worker took", registry=own, multiprocess_mode="liveall"
        )
        folder = os.environ.get(FOLDER_VARIABLE)
        self.registry = CollectorRegistry() if folder else own
        PlatformCollector(registry=self.registry)
        if folder:
            self.registry.register(_AllWorkers(folder))
        else:
            ProcessCollector(registry=self.registry)

    def text(self) -> bytes:
        """Return all figures in Prometheus's text format."""
        return generate_latest(self.registry)


class _AllWorkers(Collector):
    """The figures of all workers added up, and what their processes take together."""

    def __init__(self, folder: str) -> None:
        self._figures = MultiProcessCollector(None, folder)  # type: ignore[no-untyped-call]

    def collect(self) -> Iterator[Metric]:
        """Yield each metric; those of each worker by itself name it as `pid`."""
        pids = set()
        for metric in self._read():
            pids |= {sample.labels["pid"] for sample in metric.samples if "pid" in sample.labels}
            yield metric
        yield from _added_up(metric for pid in sorted(pids) for metric in _process_metrics(pid))

    def _read(self) -> list[Metric]:
        """Read the workers' files; once more if a worker is just making one, which is empty for a moment."""
        for _ in range(_LOOKS - 1):
            try:
                return list(self._figures.collect())  # type: ignore[no-untyped-call]
            except (struct.error, ValueError, RuntimeError):
                sleep(_PAUSE)
        return list(self._figures.collect())  # type: ignore[no-untyped-call]


def _process_metrics(pid: str) -> Iterable[Metric]:
    return ProcessCollector(pid=lambda: pid, registry=None).collect()


def _added_up(metrics: Iterable[Metric]) -> Iterable[Metric]:
    """Add up metrics of one sample each by their names; of the processes' starts, the first counts."""
    found: dict[str, Metric] = {}
    for metric in metrics:
        values = [one.samples[0].value for one in (found.get(metric.name), metric) if one]
        found[metric.name] = Metric(metric.name, metric.documentation, metric.type)
        total = min(values) if metric.name == _START else sum(values)
        found[metric.name].add_sample(metric.samples[0].name, {}, total)
    return found.values()


class MetricsMiddleware:
    """Counts and times every request; unknown addresses are one route, so that nobody can invent labels."""

    def __init__(self, app: ASGIApp, metrics: Metrics) -> None:
        self.app, self.metrics = app, metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle a request."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        start, status = perf_counter(), 500
        outside = scope.get("route")  # of the application around this one

        async def send_and_watch(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self.app(scope, receive, send_and_watch)
        finally:
            found = scope.get("route")
            route = "none" if found is outside else str(getattr(found, "path", "none"))
            self.metrics.requests.labels(route, str(status)).inc()
            self.metrics.seconds.labels(route).observe(perf_counter() - start)
            self.metrics.of_worker.inc()
