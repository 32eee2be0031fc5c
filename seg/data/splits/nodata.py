"""Pixels without data: their labels are ignored."""

import numpy as np

from seg.data.images.raster import Raster
from seg.data.images.read_sample import open_sample, sample_may_lack_data
from seg.data.regions.label_raster import LabelRaster, size_of_labels
from seg.data.regions.region import Region
from seg.data.splits.split import Sample, Split
from seg.labels.classes import ClassInfo
from seg.labels.task import LabelMap, Task, ignore_value


class IgnoreNodataSplit:
    """A split in which pixels without data are ignored: those that are NaN in every band."""

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

    def labels(self, index: int) -> LabelMap:
        """The label map; raises DataError as the split does, or if the image cannot be read."""
        return self._ignoring(self._split.labels(index), index)[:, :]

    def open_labels(self, index: int) -> LabelRaster:
        """The same by region."""
        return self._ignoring(self._split.open_labels(index), index)

    def _ignoring(self, labels: LabelRaster, index: int) -> LabelRaster:
        sample = self.samples[index]
        if not sample_may_lack_data(sample):
            return labels
        image = open_sample(sample)
        if image.shape[:2] != size_of_labels(labels):
            return labels
        return _LabelsWithData(labels, image, ignore_value(self.task, len(self.classes)))


class _LabelsWithData:
    """A label map in which pixels without data have the value of those to ignore."""

    def __init__(self, labels: LabelRaster, image: Raster, ignore: int) -> None:
        self._labels = labels
        self._image = image
        self._ignore = ignore

    @property
    def shape(self) -> tuple[int, ...]:
        return self._labels.shape

    def __getitem__(self, place: tuple[slice, slice], /) -> LabelMap:
        region = Region.of_slices(place, size_of_labels(self._labels))
        missing_hw = np.isnan(self._image[region.slices]).all(axis=-1)
        labels_hw = self._labels[region.slices]
        return np.where(missing_hw, labels_hw.dtype.type(self._ignore), labels_hw)
