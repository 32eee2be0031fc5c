"""Prefetching: images are decoded in threads ahead of the networks."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future
from dataclasses import dataclass, field
from itertools import islice
from typing import Final, Generic, TypeVar

from seg.data.images.raster import Raster
from seg.engine.pipeline.timing import Clock
from seg.engine.runtimes.hardware import usable_cores
from seg.errors import DataError
from seg.thread_pool import pool_of_generator

Item = TypeVar("Item")

MIN_READERS: Final = 2
MAX_AHEAD: Final = 8
AHEAD_BYTES: Final = 256 * 2**20
"""The most bytes of decoded images that wait; images larger than that are read one ahead."""


def prefetch_threads_for(cores: int) -> int:
    """The number of threads that decode beside networks on this many cores.

    A core decodes some 1,100 JPEGs of 512x512 a second, and simplejpeg releases Python's lock meanwhile: a
    third of 16 cores keeps up with a GPU that takes 1,000 images a second, PNGs included.
    """
    return min(MAX_AHEAD, max(MIN_READERS, cores // 3))


@dataclass(slots=True)
class PrefetchReader(Generic[Item]):
    """Decodes images in threads, a few ahead. An image that cannot be read is recorded, or raised.

    Attributes:
        open_image: reads one, or raises DataError.
        strict: raise DataError at the first image that cannot be read.
        threads: how many read at once; more than cores if most of the time is spent waiting.
        failures: one line for each image that could not be read so far.
    """

    open_image: Callable[[Item], Raster]
    clock: Clock
    strict: bool = False
    threads: int = field(default_factory=lambda: prefetch_threads_for(usable_cores()))
    failures: list[str] = field(default_factory=list)
    _ahead: int = 1

    def read(self, items: Iterable[Item]) -> Iterator[tuple[Item, Raster]]:
        """Items with their images, in order, without those that cannot be read."""
        waiting: deque[tuple[Item, Future[Raster]]] = deque()
        remaining = iter(items)
        with pool_of_generator(self.threads, "seg-read") as pool:
            while True:
                for item in islice(remaining, max(0, self._ahead + 1 - len(waiting))):
                    waiting.append((item, pool.submit(self._decode, item)))
                if not waiting:
                    return
                item, future = waiting.popleft()
                try:
                    image_hwc = future.result()
                except DataError as error:
                    self.note_failure(item, error)
                else:
                    self._ahead = max(1, min(MAX_AHEAD, AHEAD_BYTES // image_hwc.nbytes))
                    yield item, image_hwc

    def note_failure(self, _: Item, error: DataError) -> None:
        """Record an image that cannot be read, also if that is found out later; raises with `strict`."""
        if self.strict:
            raise error
        self.failures.append(str(error))

    def _decode(self, item: Item) -> Raster:
        with self.clock.stage("decode"):
            return self.open_image(item)
