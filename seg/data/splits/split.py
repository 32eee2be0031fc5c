"""The protocol of a split that every dataset format implements, and the ids of its images."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from seg.data.regions.label_raster import LabelRaster
from seg.data.regions.region import Region
from seg.errors import DataError
from seg.labels.classes import ClassInfo
from seg.labels.task import LabelMap, Task
from seg.pixel_range import PixelRange
from seg.read_scale import ReadScale


@dataclass(frozen=True, slots=True)
class Sample:
    """One image of a split. `id` is its unique name in submissions; see `samples_with_ids`.

    `coco_id` is its number in a COCO JSON, if there is one. `file_name` is the path that the dataset gives
    it: that of the COCO JSON, or that below the folder of images. With a `pixel_range` all bands of the image
    are read, else RGB of 8 bits; `stack` has the slices whose bands make the image, if there are several, and
    `rgb` the bands that pictures show. With a `scale` it is read at a resolution or level, and with a
    `region`, the sample is that part of the image, at that scale. See `seg.data.images.read_sample`.
    """

    id: str
    image: Path
    coco_id: int | None = None
    file_name: str = ""
    pixel_range: PixelRange | None = None
    rgb: tuple[int, int, int] | None = None
    stack: tuple[Path, ...] = ()
    region: Region | None = None
    scale: ReadScale | None = None


class Split(Protocol):
    """The images of one split, in a fixed order, and their label maps.

    `task` says what a label map means, also for pixels to ignore: see `seg.labels.task`. `classes` are the
    dataset's, by label. `fingerprint` is a SHA-256 of the split's content (annotations or masks, file names),
    independent of its location.
    """

    @property
    def task(self) -> Task: ...

    @property
    def classes(self) -> tuple[ClassInfo, ...]: ...

    @property
    def samples(self) -> tuple[Sample, ...]: ...

    @property
    def fingerprint(self) -> str: ...

    def labels(self, index: int) -> LabelMap:
        """The label map of sample `index`, `[H, W]`, in the size of the image.

        Raises:
            DataError: the labels cannot be read, or their size differs from the one they claim.
        """
        ...

    def open_labels(self, index: int) -> LabelRaster:
        """The label map of sample `index`, of which regions are read or drawn where it is large.

        Raises:
            DataError: the labels cannot be read.
        """
        ...


def samples_with_ids(folder: Path, images: Sequence[Path]) -> tuple[Sample, ...]:
    """Samples whose id is the file name without suffix if that is unique.

    Images that share a name get their path below `folder` as id, and if only the suffix differs, their path
    with it.

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
        longer = _path_below_folder
    return tuple(
        Sample(name, image, file_name=_path_below_folder(folder, image))
        for name, image in zip(names, images, strict=True)
    )


def _path_below_folder(folder: Path, image: Path) -> str:
    return image.relative_to(folder).as_posix() if image.is_relative_to(folder) else image.as_posix()


def _path_without_ending(folder: Path, image: Path) -> str:
    return _path_below_folder(folder, image.with_suffix(""))
