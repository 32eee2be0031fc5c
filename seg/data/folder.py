"""A folder of images without labels, as a split that can be predicted."""

import hashlib
from pathlib import Path

from seg.classes import ClassInfo
from seg.data.images import images_in
from seg.data.split import named
from seg.errors import DataError
from seg.labels import LabelsHW


class FolderSplit:
    """All images below a folder, in the order of their paths."""

    def __init__(self, images: Path, classes: tuple[ClassInfo, ...]) -> None:
        self.classes = classes
        self._folder = images
        self.samples = named(images, images_in(images))

    @property
    def fingerprint(self) -> str:
        names = "\n".join(sample.id for sample in self.samples)
        return hashlib.sha256(names.encode()).hexdigest()

    def labels(self, index: int) -> LabelsHW:
        raise DataError(
            f"{self._folder}: {self.samples[index].image.name} has no labels:"
            " add annotations or masks to this split"
        )
