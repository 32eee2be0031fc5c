"""The engine as something that images are handed to, one by one and from any thread."""

import logging
import threading
from collections.abc import Iterator
from concurrent.futures import Future, InvalidStateError
from contextlib import suppress
from dataclasses import dataclass, field
from queue import Empty, SimpleQueue

from seg.engine.ensemble import Ensemble
from seg.engine.pipeline.timing import Clock
from seg.labels import ImageHWC, LabelsHW

log = logging.getLogger("seg.serve")


@dataclass(frozen=True, slots=True, eq=False)
class _Order:
    """An image, RGB uint8 `[H, W, 3]`, and where its label map is awaited."""

    image_hwc: ImageHWC
    labels: "Future[LabelsHW]" = field(default_factory=Future)


class Labeller:
    """Labels images in the order in which they come; passes of different images travel together.

    While batches run, images that arrive join the next ones, so nobody waits for a batch to fill. An
    order that is cancelled while it waits is never begun. If the engine fails, everyone whose image was in
    it is tried again alone, so that only the image that is to blame is lost.
    """

    def __init__(self, ensemble: Ensemble) -> None:
        self.clock = Clock()
        self._ensemble = ensemble
        self._orders: SimpleQueue[_Order | None] = SimpleQueue()
        self._begun: set[_Order] = set()
        self._lock = threading.Lock()
        self._is_closed = False
        self._thread = threading.Thread(target=self._work, name="seg-labeller", daemon=True)
        self._thread.start()

    @property
    def waiting(self) -> int:
        """Images that are not begun."""
        return self._orders.qsize()

    @property
    def begun(self) -> int:
        """Images that the engine works on."""
        return len(self._begun)

    @property
    def is_alive(self) -> bool:
        return self._thread.is_alive() and not self._is_closed

    def submit(self, image_hwc: ImageHWC) -> "Future[LabelsHW]":
        """Order the label map, uint8 `[H, W]`, of an RGB image, uint8 `[H, W, 3]`, of any size."""
        order = _Order(image_hwc)
        self._orders.put(order)
        return order.labels

    def close(self) -> None:
        """Finish what was ordered, and end."""
        self._orders.put(None)
        self._thread.join()

    def _work(self) -> None:
        while not self._is_closed:
            try:
                for _ in self._ensemble.label_all(self._arrivals(), _deliver, clock=self.clock):
                    pass
            except Exception:
                log.exception("the engine failed; what it worked on is tried again, image by image")
                self._begin_again_one_by_one()

    def _arrivals(self) -> Iterator[tuple[_Order, ImageHWC] | None]:
        """Orders as they come. Where some are begun it says that there is none, and else waits."""
        while True:
            self._forget_delivered()
            try:
                order = self._orders.get(block=not self._begun)
            except Empty:
                yield None
                continue
            if order is None:
                self._is_closed = True
                return
            if order.labels.set_running_or_notify_cancel():
                with self._lock:
                    self._begun.add(order)
                yield order, order.image_hwc

    def _forget_delivered(self) -> None:
        with self._lock:
            self._begun = {order for order in self._begun if not order.labels.done()}

    def _begin_again_one_by_one(self) -> None:
        self._forget_delivered()
        for order in self._begun:
            try:
                list(self._ensemble.label_all([(order, order.image_hwc)], _deliver, clock=self.clock))
            except Exception as error:
                log.exception("an image made the engine fail")
                with suppress(InvalidStateError):
                    order.labels.set_exception(error)


def _deliver(order: _Order, labels_hw: LabelsHW) -> None:
    order.labels.set_result(labels_hw)
