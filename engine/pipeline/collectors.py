"""Collectors: turn an image's merged probabilities, which arrive in strips of rows, into a result."""

from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Generic, NamedTuple, Protocol, TypeVar

import numpy as np

from seg.engine.merging.decision import Decision
from seg.engine.passes.device_values import Merged, merged_on_host
from seg.engine.passes.passes import Size
from seg.labels.label_map import ProbabilitiesCHW
from seg.labels.task import LabelMap, label_dtype

Key = TypeVar("Key")
Finished = TypeVar("Finished")
Finished_co = TypeVar("Finished_co", covariant=True)


class Collector(Protocol[Finished_co]):
    """Collects one image's strips, float32 `[C, rows, W]`, from the top.

    A strip that is the whole image may lie on a device. Together they are `rows`.
    """

    @property
    def rows(self) -> range: ...

    def add(self, strip_chw: Merged) -> None: ...

    def take_strips(self) -> Sequence[Finished_co]:
        """Results of strips that came since the last call; none if there is one for the whole image."""
        ...

    def finish(self) -> Sequence[Finished_co]:
        """The result of the whole image, if there is one. Called once, after the last strip."""
        ...


class LabelCollector(Generic[Finished]):
    """Decides the labels of each strip and drops its probabilities: holds one label a pixel.

    A decision on a grid needs the image in one strip. After each, `watch` is called with the rows decided
    so far and all rows.
    """

    def __init__(
        self,
        size_hw: Size,
        classes: int,
        decision: Decision,
        finish: Callable[[LabelMap], Finished],
        watch: Callable[[int, int], None] | None = None,
    ) -> None:
        self.rows = range(size_hw[0])
        dtype = label_dtype(decision.task, classes)
        self._labels_hw: LabelMap = np.empty(decision.grid_hw or size_hw, dtype)
        self._decision = decision
        self._finish = finish
        self._watch = watch
        self._decided = 0

    def add(self, strip_chw: Merged) -> None:
        labels_hw = self._decision.labels(strip_chw)
        self._labels_hw[self._decided : self._decided + len(labels_hw)] = labels_hw
        self._decided += len(labels_hw)
        if self._watch:
            self._watch(self._decided, len(self._labels_hw))

    def take_strips(self) -> list[Finished]:
        return []

    def finish(self) -> list[Finished]:
        return [self._finish(self._labels_hw)]


class LabelStrip(NamedTuple):
    """The label map of some rows of an image, from `top`, of `height` rows in all.

    `is_last` says that no further strip of the image is collected.
    """

    top: int
    height: int
    labels_hw: LabelMap
    is_last: bool


@dataclass(frozen=True, slots=True)
class StripResults(Generic[Key, Finished]):
    """What becomes of the label map of a large image, strip by strip.

    Attributes:
        rows: the rows that are needed of an image, by its key and height. They begin and end as strips do, of
            which each reaches from the top of a row of tiles to that of the next.
        finish: called with an image's key and each strip, from a worker's thread; what it returns is yielded.
    """

    rows: Callable[[Key, int], range]
    finish: Callable[[Key, LabelStrip], Finished]


class StripCollector(Generic[Finished]):
    """Decides the labels of each strip and makes a result of it; the label map never exists as a whole.

    `finish_strip` is called with the strips of `rows`, of `height` rows in all, in order. `watch` is that of
    `LabelCollector`.
    """

    def __init__(
        self,
        height: int,
        rows: range,
        decision: Decision,
        finish_strip: Callable[[LabelStrip], Finished],
        watch: Callable[[int, int], None] | None = None,
    ) -> None:
        self.rows = rows
        self._height = height
        self._decision = decision
        self._finish_strip = finish_strip
        self._watch = watch
        self._decided = rows.start
        self._finished: deque[Finished] = deque()

    def add(self, strip_chw: Merged) -> None:
        labels_hw = self._decision.labels(strip_chw)
        top, self._decided = self._decided, self._decided + len(labels_hw)
        strip = LabelStrip(top, self._height, labels_hw, is_last=self._decided == self.rows.stop)
        self._finished.append(self._finish_strip(strip))
        if self._watch:
            self._watch(self._decided, self._height)

    def take_strips(self) -> list[Finished]:
        taken: list[Finished] = []
        # Another thread may take some meanwhile.
        with suppress(IndexError):
            while True:
                taken.append(self._finished.popleft())
        return taken

    def finish(self) -> list[Finished]:
        return []


class ProbabilityCollector(Generic[Finished]):
    """Keeps all probabilities of the image."""

    def __init__(self, size_hw: Size, finish: Callable[[ProbabilitiesCHW], Finished]) -> None:
        self.rows = range(size_hw[0])
        self._strips: list[ProbabilitiesCHW] = []
        self._finish = finish

    def add(self, strip_chw: Merged) -> None:
        # The blender goes on with the array that a strip is a part of.
        chw = merged_on_host(strip_chw)
        self._strips.append(chw if chw.base is None else chw.copy())

    def take_strips(self) -> list[Finished]:
        return []

    def finish(self) -> list[Finished]:
        whole = self._strips[0] if len(self._strips) == 1 else np.concatenate(self._strips, axis=1)
        return [self._finish(whole)]
