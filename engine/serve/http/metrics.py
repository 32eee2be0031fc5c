"""Prometheus metrics of requests, memory and the engine."""

import time
from collections.abc import Callable, Iterator
from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.core import CounterMetricFamily, Metric
from prometheus_client.registry import Collector
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from seg.engine.serve.http.admission import Admission
from seg.engine.serve.labelling.messages import EngineFigures

SECONDS: Final = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)


class Metrics:
    """Requests by path and status with their seconds, who is inside, and where the engine's time goes."""

    def __init__(self, figures: Callable[[], EngineFigures], admission: Admission) -> None:
        self._registry = CollectorRegistry()
        self._requests = Counter(
            "seg_requests", "Requests that were answered.", ("path", "status"), registry=self._registry
        )
        self._seconds = Histogram(
            "seg_request_seconds",
            "From the first byte of a request that was let in to its answer.",
            ("path",),
            buckets=SECONDS,
            registry=self._registry,
        )
        self._gauge("seg_requests_inside", "Requests that are let in.", lambda: admission.inside)
        self._gauge("seg_memory_reserved_bytes", "Set aside for requests.", lambda: admission.held)
        self._gauge("seg_images_waiting", "Images that the engine has not begun.", lambda: figures().waiting)
        self._gauge("seg_images_begun", "Images that the engine works on.", lambda: figures().begun)
        self._registry.register(_EngineTime(figures))

    def note(self, path: str, status: int, seconds: float) -> None:
        """Count a request; those that were turned away do not count as answered fast."""
        self._requests.labels(path, str(status)).inc()
        if status < 400:
            self._seconds.labels(path).observe(seconds)

    def text(self) -> bytes:
        """All of it, in Prometheus' text format."""
        return generate_latest(self._registry)

    def _gauge(self, name: str, about: str, value: Callable[[], float]) -> None:
        Gauge(name, about, registry=self._registry).set_function(value)


class _EngineTime(Collector):
    def __init__(self, figures: Callable[[], EngineFigures]) -> None:
        self._figures = figures

    def collect(self) -> Iterator[Metric]:
        figures = self._figures()
        yield CounterMetricFamily("seg_passes", "Passes that were run.", value=figures.passes)
        stages = CounterMetricFamily(
            "seg_stage_seconds", "Seconds of all threads, by stage.", labels=["stage"]
        )
        for stage, seconds in figures.stage_seconds:
            stages.add_metric([stage], seconds)
        yield stages


ELSEWHERE = "elsewhere"
"""Paths that are none of ours, which strangers choose, are counted together."""


class MetricsMiddleware:
    """Middleware that notes path, status and seconds of every answer."""

    def __init__(self, app: ASGIApp, metrics: Metrics) -> None:
        self._app = app
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        start = time.perf_counter()

        async def noting(message: Message) -> None:
            if message["type"] == "http.response.start":
                path = getattr(scope.get("route"), "path", ELSEWHERE)
                self._metrics.note(path, message["status"], time.perf_counter() - start)
            await send(message)

        await self._app(scope, receive, noting)
