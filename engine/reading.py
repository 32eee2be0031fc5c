"""Reading images ahead of the networks."""

from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import islice
from typing import Final

from seg.data import Sample, read_image
from seg.engine.clock import Clock
from seg.errors import DataError
from seg.labels import ImageHWC

READERS: Final = 2
MOST_AHEAD: Final = 8
AHEAD_BYTES: Final = 256 * 2**20
"""How much may wait decoded; images so large that not even one more fits are read one ahead."""


@dataclass(slots=True)
class Reader:
    """Decodes images in threads, a few ahead. One that cannot be read is noted, or raised.

    Attributes:
        strict: raise DataError at the first image that cannot be read.
        failures: one line for each image that could not be read so far.
    """

    clock: Clock
    strict: bool = False
    failures: list[str] = field(default_factory=list)
    _ahead: int = 1

    def read(self, samples: Iterable[Sample]) -> Iterator[tuple[Sample, ImageHWC]]:
        """Samples with their images, in order, without those that cannot be read."""
        waiting: deque[tuple[Sample, Future[ImageHWC]]] = deque()
        remaining = iter(samples)
        pool = ThreadPoolExecutor(READERS, thread_name_prefix="seg-read")
        try:
            while True:
                for sample in islice(remaining, max(0, self._ahead + 1 - len(waiting))):
                    waiting.append((sample, pool.submit(self._decode, sample)))
                if not waiting:
                    return
                sample, future = waiting.popleft()
                try:
                    image_hwc = future.result()
                except DataError as error:
                    if self.strict:
                        raise
                    self.failures.append(str(error))
                else:
                    self._ahead = max(1, min(MOST_AHEAD, AHEAD_BYTES // image_hwc.nbytes))
                    yield sample, image_hwc
        finally:
            pool.shutdown(cancel_futures=True)

    def _decode(self, sample: Sample) -> ImageHWC:
        with self.clock.stage("decode"):
            return read_image(sample.image)
