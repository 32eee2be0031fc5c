"""A subset of a split's images."""

from collections.abc import Sequence
from functools import cached_property

from seg.data.regions.label_raster import LabelRaster
from seg.data.splits.derived_split import DerivedSplit
from seg.data.splits.split import Sample, Split
from seg.labels.task import LabelMap


class SubsetSplit(DerivedSplit):
    """A split with the samples of another at the given positions, in that order."""

    def __init__(self, whole: Split, positions: Sequence[int]) -> None:
        super().__init__(whole)
        self.positions = tuple(positions)

    @cached_property
    def samples(self) -> tuple[Sample, ...]:
        return tuple(self._whole.samples[position] for position in self.positions)

    @cached_property
    def fingerprint(self) -> str:
        return self._fingerprint_with(*self.positions)

    def labels(self, index: int) -> LabelMap:
        """The label map, from the whole split; raises DataError as that does."""
        return self._whole.labels(self.positions[index])

    def open_labels(self, index: int) -> LabelRaster:
        return self._whole.open_labels(self.positions[index])
