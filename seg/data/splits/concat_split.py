"""A split that concatenates several splits."""

import hashlib
from bisect import bisect_right
from collections.abc import Sequence
from functools import cached_property
from itertools import accumulate

from seg.data.regions.label_raster import LabelRaster
from seg.data.splits.split import Sample, Split
from seg.labels.classes import ClassInfo
from seg.labels.task import LabelMap, Task


class ConcatSplit:
    """The images of several splits with the same task and classes, in order."""

    def __init__(self, splits: Sequence[Split]) -> None:
        self._splits = tuple(splits)
        self._ends = tuple(accumulate(len(split.samples) for split in splits))

    @property
    def task(self) -> Task:
        return self._splits[0].task

    @property
    def classes(self) -> tuple[ClassInfo, ...]:
        return self._splits[0].classes

    @cached_property
    def samples(self) -> tuple[Sample, ...]:
        return tuple(sample for split in self._splits for sample in split.samples)

    @cached_property
    def fingerprint(self) -> str:
        parts = "\n".join(split.fingerprint for split in self._splits)
        return hashlib.sha256(parts.encode()).hexdigest()

    def labels(self, index: int) -> LabelMap:
        """The label map, from the split of that image; raises DataError as that split does."""
        split, place = self._of(index)
        return split.labels(place)

    def open_labels(self, index: int) -> LabelRaster:
        split, place = self._of(index)
        return split.open_labels(place)

    def _of(self, index: int) -> tuple[Split, int]:
        """The split of an image, and its position there."""
        number = bisect_right(self._ends, index)
        split = self._splits[number]
        return split, index - self._ends[number] + len(split.samples)
