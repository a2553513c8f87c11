"""What Prometheus reads: requests, how long they took, what was answered, the queue."""

from __future__ import annotations

from collections.abc import Callable
from time import perf_counter

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, PlatformCollector, ProcessCollector
from starlette.types import ASGIApp, Message, Receive, Scope, Send

BUCKETS = (0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10)


class Metrics:
    """One server's counters, in a registry of their own."""

    def __init__(self, queue: Callable[[], float]) -> None:
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        PlatformCollector(registry=self.registry)
        self.requests = Counter(
            "vitrine_requests", "Requests by route and status", ["route", "status"], registry=self.registry
        )
        self.seconds = Histogram(
            "vitrine_request_seconds",
            "Seconds from a request's head to its answer",
            ["route"],
            registry=self.registry,
            buckets=BUCKETS,
        )
        self.answers = Counter(
            "vitrine_answers", "Pictures by model and predicted class", ["model", "category"], registry=self.registry
        )
        Gauge("vitrine_queue", "Requests that wait for a thread or have one", registry=self.registry).set_function(
            queue
        )


class Measured:
    """Counts and times every request; addresses that do not exist are one route, so that nobody can invent labels."""

    def __init__(self, app: ASGIApp, metrics: Metrics) -> None:
        self.app, self.metrics = app, metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        start, status = perf_counter(), 500
        outside = scope.get("route")  # of the application around this one

        async def watched(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self.app(scope, receive, watched)
        finally:
            found = scope.get("route")
            route = "none" if found is outside else str(getattr(found, "path", "none"))
            self.metrics.requests.labels(route, str(status)).inc()
            self.metrics.seconds.labels(route).observe(perf_counter() - start)
