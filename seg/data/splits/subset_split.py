"""A subset of a split's images."""

import hashlib
from collections.abc import Sequence
from functools import cached_property

from seg.data.regions.label_raster import LabelRaster
from seg.data.splits.split import Sample, Split
from seg.labels.classes import ClassInfo
from seg.labels.task import LabelMap, Task


class Subset:
    """A split with the samples of another at the given positions, in that order."""

    def __init__(self, whole: Split, positions: Sequence[int]) -> None:
        self._whole = whole
        self.positions = tuple(positions)

    @property
    def task(self) -> Task:
        return self._whole.task

    @property
    def classes(self) -> tuple[ClassInfo, ...]:
        return self._whole.classes

    @cached_property
    def samples(self) -> tuple[Sample, ...]:
        return tuple(self._whole.samples[position] for position in self.positions)

    @cached_property
    def fingerprint(self) -> str:
        parts = "\n".join([self._whole.fingerprint, *map(str, self.positions)])
        return hashlib.sha256(parts.encode()).hexdigest()

    def labels(self, index: int) -> LabelMap:
        """The label map, from the whole split; raises DataError as that does."""
        return self._whole.labels(self.positions[index])

    def open_labels(self, index: int) -> LabelRaster:
        return self._whole.open_labels(self.positions[index])
