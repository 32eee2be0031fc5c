"""Images in, merged probabilities out: passes through networks, answers added up, images finished.

Two threads share the work. The caller's fills batches and runs the networks; the other adds answers
up and finishes images, while the next batch runs.
"""

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Generic, TypeVar

import numpy as np

from seg.engine.accumulate import Accumulator, ProbabilitiesCHW
from seg.engine.clock import Clock
from seg.engine.members import Member, plan_passes
from seg.engine.passes import Batch, Plan, Scheduler
from seg.engine.runtime import ImagesNHWC, ProbabilitiesNCHW
from seg.labels import ImageHWC

Key = TypeVar("Key")
Finished = TypeVar("Finished")

BATCHES_BEHIND = 2
"""How many answered batches may wait to be added up before the networks wait for them."""


@dataclass(slots=True)
class _OpenImage(Generic[Key]):
    key: Key
    image_hwc: ImageHWC
    sums: Accumulator


class _Stream(Generic[Key, Finished]):
    def __init__(
        self,
        members: Sequence[Member],
        finish: Callable[[Key, ProbabilitiesCHW], Finished],
        batch_size: int,
        clock: Clock,
    ) -> None:
        self._members = members
        self._finish = finish
        self._clock = clock
        self._plan: Plan = plan_passes(members)
        self._classes = len(members[0].card.classes)
        self._scheduler = Scheduler(self._plan, batch_size, open_images=2 * batch_size)
        self._open: dict[int, _OpenImage[Key]] = {}

    def run(self, images: Iterable[tuple[Key, ImageHWC]]) -> Iterator[Finished]:
        behind: deque[Future[list[Finished]]] = deque()
        with ThreadPoolExecutor(1, thread_name_prefix="seg-merge") as merging:
            for batch in self._batches(images):
                answers = self._predict(batch)
                behind.append(merging.submit(self._merge, batch, answers))
                while len(behind) > BATCHES_BEHIND:
                    yield from self._clock.waiting_for(behind.popleft())
            for future in behind:
                yield from self._clock.waiting_for(future)

    def _batches(self, images: Iterable[tuple[Key, ImageHWC]]) -> Iterator[Batch]:
        for number, (key, image_hwc) in enumerate(images):
            size_hw = image_hwc.shape[:2]
            sums = Accumulator(self._plan, self._classes, size_hw)
            self._open[number] = _OpenImage(key, image_hwc, sums)
            self._scheduler.open(number, size_hw)
            while batch := self._scheduler.next_batch():
                yield batch
        while batch := self._scheduler.next_batch(drain=True):
            yield batch

    def _predict(self, batch: Batch) -> ProbabilitiesNCHW:
        with self._clock.stage("assemble"):
            images_nhwc = self._assemble(batch)
        with self._clock.stage("network"):
            return self._members[batch.member].runtime.run(images_nhwc)

    def _assemble(self, batch: Batch) -> ImagesNHWC:
        images_nhwc = np.empty((len(batch.passes), *batch.size_hw, 3), dtype=np.uint8)
        for row, one in enumerate(batch.passes):
            view = self._plan[one.position].view
            images_nhwc[row] = view.apply(self._open[one.image].image_hwc)
        return images_nhwc

    def _merge(self, batch: Batch, answers_nchw: ProbabilitiesNCHW) -> list[Finished]:
        finished = []
        for one, answer_chw in zip(batch.passes, answers_nchw, strict=True):
            opened = self._open[one.image]
            with self._clock.stage("accumulate"):
                opened.sums.add(one.position, answer_chw)
            if opened.sums.is_complete:
                del self._open[one.image]
                with self._clock.stage("finish"):
                    finished.append(self._finish(opened.key, opened.sums.merged))
        return finished


def stream(
    members: Sequence[Member],
    images: Iterable[tuple[Key, ImageHWC]],
    finish: Callable[[Key, ProbabilitiesCHW], Finished],
    *,
    batch_size: int,
    clock: Clock | None = None,
) -> Iterator[Finished]:
    """Predict images with all members and their views.

    Memory is that of a few open images, however many there are: images are taken from the iterable
    only as fast as they are finished.

    Args:
        members: loaded members with the same classes.
        images: any key with an RGB image, uint8 `[H, W, 3]`, of any size.
        finish: called with the key and the merged probabilities, float32 `[C, H, W]`, from one
            other thread, one image at a time; what it returns is yielded.
        batch_size: the most passes that travel together.
        clock: where the seconds of each stage are added up.

    Yields:
        What `finish` returned, in the order in which images were finished.
    """
    run: _Stream[Key, Finished] = _Stream(members, finish, batch_size, clock or Clock())
    return run.run(images)
