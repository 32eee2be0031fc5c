"""Unlabelled images as a split in which every pixel is to be ignored."""

import hashlib
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path

import numpy as np

from seg.data.images.images import read_image
from seg.data.regions.label_raster import LabelRaster
from seg.data.splits.list_samples import list_samples
from seg.labels.classes import ClassInfo
from seg.labels.task import LabelMap, Task, ignore_value, truth_dtype


class UnlabelledSplit:
    """The images of a folder, pattern or list (see `list_samples`); every pixel is ignored."""

    def __init__(self, images: Path, classes: Sequence[ClassInfo], task: Task) -> None:
        self.task = task
        self.classes = tuple(classes)
        self.samples = list_samples(images)

    @cached_property
    def fingerprint(self) -> str:
        names = "\n".join(sample.id for sample in self.samples)
        return hashlib.sha256(names.encode()).hexdigest()

    def labels(self, index: int) -> LabelMap:
        image_hwc = read_image(self.samples[index].image)
        count = len(self.classes)
        return np.full(image_hwc.shape[:2], ignore_value(self.task, count), truth_dtype(self.task, count))

    def open_labels(self, index: int) -> LabelRaster:
        return self.labels(index)
