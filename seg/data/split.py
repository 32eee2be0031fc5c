"""What every dataset format is read into."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from seg.classes import ClassInfo
from seg.labels import LabelsHW


@dataclass(frozen=True, slots=True)
class Sample:
    """One image of a split. `id` names it in submissions: its file name without the ending."""

    id: str
    image: Path


class Split(Protocol):
    """The images of one split, in a fixed order, and their label maps.

    `classes` are the dataset's, by label. `fingerprint` is a SHA-256 of what the split says
    (annotations or masks, file names), not of where it lies.
    """

    @property
    def classes(self) -> tuple[ClassInfo, ...]: ...

    @property
    def samples(self) -> tuple[Sample, ...]: ...

    @property
    def fingerprint(self) -> str: ...

    def labels(self, index: int) -> LabelsHW:
        """The label map of sample `index`, uint8 `[H, W]`, in the size of the image.

        Raises:
            DataError: the labels cannot be read, or have another size than they claim.
        """
        ...


def named(folder: Path, images: Sequence[Path]) -> tuple[Sample, ...]:
    """Samples with ids: the file name without its ending, or the path where two share a name."""
    stems = Counter(image.stem for image in images)

    def name(image: Path) -> str:
        if stems[image.stem] == 1 or not image.is_relative_to(folder):
            return image.stem
        return image.relative_to(folder).with_suffix("").as_posix()

    return tuple(Sample(name(image), image) for image in images)
