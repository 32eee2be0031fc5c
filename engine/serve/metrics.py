"""What a server tells Prometheus."""

from collections.abc import Callable, Iterator
from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.core import CounterMetricFamily, Metric
from prometheus_client.registry import Collector

from seg.engine.pipeline.timing import Clock
from seg.engine.serve.desk import Desk
from seg.engine.serve.labeller import Labeller

SECONDS: Final = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)


class Metrics:
    """Requests by path and status with their seconds, who is inside, and where the engine's time goes."""

    def __init__(self, labeller: Labeller, desk: Desk) -> None:
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
        self._gauge("seg_requests_inside", "Requests that are let in.", lambda: desk.inside)
        self._gauge("seg_images_waiting", "Images that the engine has not begun.", lambda: labeller.waiting)
        self._gauge("seg_images_begun", "Images that the engine works on.", lambda: labeller.begun)
        self._registry.register(_EngineTime(labeller.clock))

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
    def __init__(self, clock: Clock) -> None:
        self._clock = clock

    def collect(self) -> Iterator[Metric]:
        yield CounterMetricFamily("seg_passes", "Passes that were run.", value=self._clock.passes)
        stages = CounterMetricFamily(
            "seg_stage_seconds", "Seconds of all threads, by stage.", labels=["stage"]
        )
        for stage, seconds in dict(self._clock.seconds).items():
            stages.add_metric([stage], seconds)
        yield stages
