"""Images whose labels nobody knows, beside others that have some."""

import hashlib
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path

import numpy as np

from seg.classes import ClassInfo
from seg.data.images import read_image
from seg.data.listing import list_samples
from seg.labels import IGNORE_INDEX, LabelsHW


class UnlabelledSplit:
    """All images below a folder, or else named (see `seg.data.listing`); every pixel is ignored."""

    def __init__(self, images: Path, classes: Sequence[ClassInfo]) -> None:
        self.classes = tuple(classes)
        self.samples = list_samples(images)

    @cached_property
    def fingerprint(self) -> str:
        names = "\n".join(sample.id for sample in self.samples)
        return hashlib.sha256(names.encode()).hexdigest()

    def labels(self, index: int) -> LabelsHW:
        image_hwc = read_image(self.samples[index].image)
        return np.full(image_hwc.shape[:2], IGNORE_INDEX, dtype=np.uint8)
