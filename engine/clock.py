"""Where the time of a run goes."""

import threading
import time
from collections import defaultdict
from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from typing import TypeVar

T = TypeVar("T")


class Clock:
    """Adds up seconds by stage, from any thread. Stages of different threads overlap."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.seconds: dict[str, float] = defaultdict(float)

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        start = time.perf_counter()
        try:
            yield
        finally:
            elapsed = time.perf_counter() - start
            with self._lock:
                self.seconds[name] += elapsed

    def waiting_for(self, future: Future[T]) -> T:
        """The future's result; the time until it is there counts as `wait`."""
        with self.stage("wait"):
            return future.result()
