"""Pixels without data: their labels are ignored."""

import numpy as np

from seg.data.images.read_sample import pixels_without_data
from seg.data.splits.split import Sample, Split
from seg.labels.classes import ClassInfo
from seg.labels.label_map import IGNORE_INDEX, LabelsHW


class IgnoreNodata:
    """A split in which pixels without data have the ignore index: those that are NaN in every band."""

    def __init__(self, split: Split) -> None:
        self._split = split
        self.samples: tuple[Sample, ...] = split.samples

    @property
    def classes(self) -> tuple[ClassInfo, ...]:
        return self._split.classes

    @property
    def fingerprint(self) -> str:
        return self._split.fingerprint

    def labels(self, index: int) -> LabelsHW:
        """The label map; raises DataError as the split does, or if the image cannot be read."""
        labels_hw = self._split.labels(index)
        missing_hw = pixels_without_data(self.samples[index])
        if missing_hw is None or missing_hw.shape != labels_hw.shape:
            return labels_hw
        return np.where(missing_hw, np.uint8(IGNORE_INDEX), labels_hw)
