"""Pixels without data: their labels are ignored."""

import numpy as np

from seg.data.images.raster import Raster
from seg.data.images.read_sample import may_lack_data, open_sample
from seg.data.regions.label_raster import LabelRaster, size_of
from seg.data.regions.region import Region
from seg.data.splits.split import Sample, Split
from seg.labels.classes import ClassInfo
from seg.labels.label_map import IGNORE_INDEX, LabelsHW
from seg.labels.task import Task


class IgnoreNodata:
    """A split in which pixels without data have the ignore index: those that are NaN in every band."""

    def __init__(self, split: Split) -> None:
        self._split = split
        self.samples: tuple[Sample, ...] = split.samples

    @property
    def classes(self) -> tuple[ClassInfo, ...]:
        return self._split.classes

    @property
    def task(self) -> Task:
        return self._split.task

    @property
    def fingerprint(self) -> str:
        return self._split.fingerprint

    def labels(self, index: int) -> LabelsHW:
        """The label map; raises DataError as the split does, or if the image cannot be read."""
        return _ignoring(self._split.labels(index), self.samples[index])[:, :]

    def open_labels(self, index: int) -> LabelRaster:
        """The same by region."""
        return _ignoring(self._split.open_labels(index), self.samples[index])


def _ignoring(labels: LabelRaster, sample: Sample) -> LabelRaster:
    if not may_lack_data(sample):
        return labels
    image = open_sample(sample)
    return _LabelsWithData(labels, image) if image.shape[:2] == size_of(labels) else labels


class _LabelsWithData:
    """A label map in which pixels without data have the ignore index."""

    def __init__(self, labels: LabelRaster, image: Raster) -> None:
        self._labels = labels
        self._image = image

    @property
    def shape(self) -> tuple[int, ...]:
        return self._labels.shape

    def __getitem__(self, place: tuple[slice, slice], /) -> LabelsHW:
        region = Region.of_slices(place, size_of(self._labels))
        missing_hw = np.isnan(self._image[region.slices]).all(axis=-1)
        return np.where(missing_hw, np.uint8(IGNORE_INDEX), self._labels[region.slices])
