"""Images without labels, as a split to predict."""

import hashlib
from functools import cached_property
from pathlib import Path

from seg.classes import ClassInfo
from seg.data.labelling import Labelling, ReadLabelling
from seg.data.list_samples import list_samples
from seg.errors import DataError
from seg.labels import LabelsHW


class FolderSplit:
    """The images of a folder, pattern or list; see `seg.data.list_samples`."""

    def __init__(self, images: Path, read_labelling: ReadLabelling, ids: Path | None = None) -> None:
        self._folder = images
        self._read_labelling = read_labelling
        self.samples = list_samples(images, ids)

    @cached_property
    def _labelling(self) -> Labelling:
        return self._read_labelling()

    @property
    def classes(self) -> tuple[ClassInfo, ...]:
        return self._labelling.classes

    @cached_property
    def fingerprint(self) -> str:
        names = "\n".join(sample.id for sample in self.samples)
        return hashlib.sha256(names.encode()).hexdigest()

    def labels(self, index: int) -> LabelsHW:
        raise DataError(
            f"{self._folder}: {self.samples[index].image.name} has no labels:"
            " add annotations or masks to this split"
        )
