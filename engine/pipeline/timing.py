"""Timing: the seconds of a run by stage, and its passes."""

import threading
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Literal

Stage = Literal[
    "decode", "wait for images", "load", "assemble", "network", "accumulate", "decide", "encode", "write"
]


class Clock:
    """Adds up seconds by stage, and passes. Thread-safe; stages of different threads overlap.

    The time of a stage within another stage is not counted for the outer one.

    Attributes:
        seconds: by stage.
        passes: how many were run, of the `planned` ones of all frames.
        dropped: planned passes that there was no time for.
        tiles: images and tiles that were opened, of which `plain` ones had no passes.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._thread = threading.local()
        self.seconds: defaultdict[Stage, float] = defaultdict(float)
        self.passes = 0
        self.planned = 0
        self.dropped = 0
        self.tiles = 0
        self.plain = 0

    @contextmanager
    def stage(self, name: Stage) -> Iterator[None]:
        outside: float = getattr(self._thread, "inside", 0.0)
        self._thread.inside = 0.0
        start = time.perf_counter()
        try:
            yield
        finally:
            elapsed = time.perf_counter() - start
            with self._lock:
                self.seconds[name] += elapsed - self._thread.inside
            self._thread.inside = outside + elapsed

    def count_passes(self, *, run: int = 0, planned: int = 0, dropped: int = 0) -> None:
        with self._lock:
            self.passes += run
            self.planned += planned
            self.dropped += dropped

    def count_tile(self, *, is_plain: bool) -> None:
        with self._lock:
            self.tiles += 1
            self.plain += is_plain
