"""A split whose images are read at a chosen scale, and whose label maps have their size."""

from dataclasses import replace
from functools import cached_property

from seg.data.images.read_sample import size_of_sample
from seg.data.regions.label_raster import LabelRaster
from seg.data.regions.resized_labels import resized_labels
from seg.data.splits.derived_split import DerivedSplit
from seg.data.splits.split import Split
from seg.labels.task import LabelMap
from seg.read_scale import ReadScale


class ScaledSplit(DerivedSplit):
    """A split at another scale. Masks, outlines and run lengths are those of the full resolution."""

    def __init__(self, split: Split, scale: ReadScale) -> None:
        super().__init__(split)
        self._scale = scale
        self.samples = tuple(replace(sample, scale=scale) for sample in split.samples)

    @cached_property
    def fingerprint(self) -> str:
        return self._fingerprint_with(self._scale)

    def labels(self, index: int) -> LabelMap:
        """The label map in the size that is read; raises DataError as the split does."""
        return self.open_labels(index)[:, :]

    def open_labels(self, index: int) -> LabelRaster:
        return resized_labels(self._whole.open_labels(index), size_of_sample(self.samples[index]))
