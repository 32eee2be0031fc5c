"""What every dataset format is read into."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from seg.classes import ClassInfo
from seg.errors import DataError
from seg.labels import LabelsHW


@dataclass(frozen=True, slots=True)
class Sample:
    """One image of a split. `id` names it in submissions and is its own: see `named`.

    `coco_id` is the number that a COCO JSON gives it, where there is one.
    """

    id: str
    image: Path
    coco_id: int | None = None


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
    """Samples with ids: the file name without its ending where that is enough to tell images apart.

    Images that share a name go by their path below `folder`, and where only the ending differs, by
    their path with its ending.

    Raises:
        DataError: an image is listed twice.
    """
    if doubled := next((image for image, count in Counter(images).items() if count > 1), None):
        raise DataError(f"{doubled}: is listed twice: list each image once")
    names = [image.stem for image in images]
    longer = _path_without_ending
    while len(count := Counter(names)) < len(names):
        names = [
            longer(folder, image) if count[name] > 1 else name
            for name, image in zip(names, images, strict=True)
        ]
        longer = _path
    return tuple(map(Sample, names, images))


def _path(folder: Path, image: Path) -> str:
    return image.relative_to(folder).as_posix() if image.is_relative_to(folder) else image.as_posix()


def _path_without_ending(folder: Path, image: Path) -> str:
    return _path(folder, image.with_suffix(""))
