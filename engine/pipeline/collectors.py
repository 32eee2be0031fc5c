"""Collectors: turn an image's merged probabilities, which arrive in bands of rows, into a result."""

from collections.abc import Callable
from typing import Generic, Protocol, TypeVar

import numpy as np

from seg.engine.merging.decision import Decision
from seg.engine.passes.device_values import Merged, on_host
from seg.engine.passes.passes import Size
from seg.labels.label_map import ProbabilitiesCHW
from seg.labels.task import LabelMap, label_dtype

Finished = TypeVar("Finished")
Finished_co = TypeVar("Finished_co", covariant=True)


class Collector(Protocol[Finished_co]):
    """Collects one image's bands, float32 `[C, rows, W]`, from the top.

    A band that is the whole image may lie on a device.
    """

    def add(self, band_chw: Merged) -> None: ...

    def finish(self) -> Finished_co:
        """The result. Called once, after the last band."""
        ...


class LabelCollector(Generic[Finished]):
    """Decides the labels of each band and drops its probabilities: holds one label a pixel.

    A decision on a grid needs the image in one band. After each band `watch` is called with the rows decided
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
        dtype = label_dtype(decision.task, classes)
        self._labels_hw: LabelMap = np.empty(decision.grid_hw or size_hw, dtype)
        self._decision = decision
        self._finish = finish
        self._watch = watch
        self._rows = 0

    def add(self, band_chw: Merged) -> None:
        labels_hw = self._decision.labels(band_chw)
        self._labels_hw[self._rows : self._rows + len(labels_hw)] = labels_hw
        self._rows += len(labels_hw)
        if self._watch:
            self._watch(self._rows, len(self._labels_hw))

    def finish(self) -> Finished:
        return self._finish(self._labels_hw)


class ProbabilityCollector(Generic[Finished]):
    """Keeps all probabilities of the image."""

    def __init__(self, finish: Callable[[ProbabilitiesCHW], Finished]) -> None:
        self._bands: list[ProbabilitiesCHW] = []
        self._finish = finish

    def add(self, band_chw: Merged) -> None:
        self._bands.append(on_host(band_chw))

    def finish(self) -> Finished:
        whole = self._bands[0] if len(self._bands) == 1 else np.concatenate(self._bands, axis=1)
        return self._finish(whole)
