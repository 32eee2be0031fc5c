"""Dynamic batching: images are submitted one by one, and their passes are batched together."""

import logging
import threading
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, InvalidStateError
from contextlib import suppress
from math import prod
from typing import Final

from seg.engine.ensemble import Ensemble
from seg.engine.pipeline.timing import Clock
from seg.engine.runtimes.profiling import current_resident_bytes, release_freed_memory
from seg.engine.serve.labelling.fair_queue import FairQueue
from seg.errors import DataError
from seg.image_type import ImageHWB
from seg.labels.task import LabelMap

log = logging.getLogger("seg.serve")

IDLE_S: Final = 1.0
"""When nothing came for so long, memory that was freed is given back to the system."""


class _FutureLabels(Future[LabelMap]):
    """A label map to come, of which is known that nobody awaits it any more, even when it was begun."""

    is_abandoned = False

    def cancel(self) -> bool:
        self.is_abandoned = True
        return super().cancel()


class _QueuedImage:
    """An image `[H, W, B]` and its label map. No tile is cut of one that was abandoned."""

    def __init__(self, image_hwc: ImageHWB, memory: int, *, is_cut: bool) -> None:
        self.labels = _FutureLabels()
        self.memory = memory
        self.is_cut = is_cut
        self.shape = image_hwc.shape
        self.dtype = image_hwc.dtype
        self.nbytes = image_hwc.nbytes
        self._image_hwc = image_hwc

    def __getitem__(self, window: tuple[slice, slice]) -> ImageHWB:
        if self.labels.is_abandoned:
            raise DataError("nobody waits for this image any more")
        return self._image_hwc[window]


class DynamicBatcher:
    """Labels images in a fair order; passes of different images are batched together.

    While batches run, images that arrive join the next ones, so nobody waits for a batch to fill. The tiles
    of a large image are cut between those that come meanwhile (see `fair_queue`). An image
    that is cancelled while it waits is never begun, and no further tile is begun of one that is cancelled
    later. Where the process holds more memory than it may, none is begun until those that are have ended and
    memory was given back. If the engine fails, all images that were in it are tried again one by one, so that
    only the one that makes it fail is lost.
    """

    def __init__(self, ensemble: Ensemble, most_memory: int | None) -> None:
        """A thread that runs the ensemble.

        Args:
            most_memory: bytes of the whole process, beside what each image says that it takes; None where
                the system does not tell what it holds.
        """
        self.clock = Clock()
        self._most_memory = most_memory
        self._ensemble = ensemble
        self._waiting: FairQueue[_QueuedImage] = FairQueue(prod(ensemble.tile.size) if ensemble.tile else 0)
        self._begun: set[_QueuedImage] = set()
        self._lock = threading.Lock()
        self._memory_of_orders = 0
        self._is_closed = False
        self._thread = threading.Thread(target=self._work, name="seg-batcher", daemon=True)
        self._thread.start()

    @property
    def waiting(self) -> int:
        """Images that are not begun."""
        return len(self._waiting)

    @property
    def begun(self) -> int:
        """Images that the engine works on."""
        return sum(not order.labels.done() for order in self._held())

    @property
    def is_alive(self) -> bool:
        return self._thread.is_alive()

    def submit(self, image_hwc: ImageHWB, memory: int = 0) -> "Future[LabelMap]":
        """Order the label map, `[H, W]`, of an image `[H, W, B]` of any size.

        Args:
            memory: bytes that the process holds for the image outside of frames.
        """
        height, width = image_hwc.shape[:2]
        tile = self._ensemble.tile
        is_cut = tile is not None and (height > tile.size[0] or width > tile.size[1])
        order = _QueuedImage(image_hwc, memory, is_cut=is_cut)
        with self._lock:
            self._memory_of_orders += memory
        order.labels.add_done_callback(lambda _: self._forget_memory(memory))
        self._waiting.put(order, height * width, is_cut=is_cut)
        return order.labels

    def close(self) -> None:
        """Finish what was ordered, and end."""
        self._is_closed = True
        self._waiting.wake()
        self._thread.join()

    def _work(self) -> None:
        is_trimmed = True
        while self.waiting or not self._is_closed:
            if self._waiting.wait(None if is_trimmed else IDLE_S):
                is_trimmed = False
                self._label_until_idle()
                if self._is_over_memory():
                    self._release_memory()
            else:
                self._release_memory()
                is_trimmed = True

    def _label_until_idle(self) -> None:
        """One stream of images, which ends when there are no more: an open one would hold the last image."""
        try:
            for _ in self._label_all(self._arrivals()):
                pass
        except Exception:
            log.exception("the engine failed; what it worked on is tried again, image by image")
            self._begin_again_one_by_one()
        self._forget_delivered()

    def _label_all(self, orders: Iterable[tuple[_QueuedImage, _QueuedImage] | None]) -> Iterator[None]:
        return self._ensemble.label_all(
            orders, _deliver_labels, clock=self.clock, on_damaged=_fail_damaged_image, large_give_way=True
        )

    def _arrivals(self) -> Iterator[tuple[_QueuedImage, _QueuedImage] | None]:
        """Orders in a fair order; None where there is none, a tile has its turn, or memory is short.

        The first is begun however much memory is held.
        """
        may_begin = True
        while True:
            self._forget_delivered()
            order = self._next() if may_begin or not self._is_over_memory() else None
            may_begin = False
            if order is None:
                if not self._begun:
                    return
                yield None
            elif order.labels.set_running_or_notify_cancel():
                with self._lock:
                    self._begun.add(order)
                yield order, order

    def _next(self) -> _QueuedImage | None:
        return self._waiting.next(is_cutting=any(order.is_cut for order in self._begun))

    def _is_over_memory(self) -> bool:
        if self._most_memory is None:
            return False
        return current_resident_bytes() > self._most_memory + self._memory_of_orders

    def _forget_memory(self, count: int) -> None:
        with self._lock:
            self._memory_of_orders -= count

    def _held(self) -> set[_QueuedImage]:
        with self._lock:
            return set(self._begun)

    def _release_memory(self) -> None:
        """Give back what runtimes keep between batches, and what was freed; no batch runs now."""
        for member in self._ensemble.members:
            member.runtime.release_memory()
        release_freed_memory()

    def _forget_delivered(self) -> None:
        with self._lock:
            self._begun = {order for order in self._begun if not order.labels.done()}

    def _begin_again_one_by_one(self) -> None:
        self._forget_delivered()
        for order in self._begun:
            try:
                list(self._label_all([(order, order)]))
            except Exception as error:
                log.exception("an image made the engine fail")
                with suppress(InvalidStateError):
                    order.labels.set_exception(error)


def _deliver_labels(order: _QueuedImage, labels_hw: LabelMap) -> None:
    order.labels.set_result(labels_hw)


def _fail_damaged_image(order: _QueuedImage, error: DataError) -> None:
    order.labels.set_exception(error)
