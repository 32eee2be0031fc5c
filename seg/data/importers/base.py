"""What every importer gives: images with outlines or masks, names of classes, and counts of what it drops."""

import json
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from seg.data.coco.rasterise import MaskHW
from seg.data.deep.decode import header_of_deep
from seg.data.images.image_files import bytes_of_file, image_files_in
from seg.data.images.raster import size_if_large
from seg.data.regions.run_mask import RunMask
from seg.data.splits.split_names import split_of_path, split_of_word
from seg.errors import DataError
from seg.files.image_suffixes import IMAGE_SUFFIXES
from seg.spec.dataset.class_entry import UNLABELLED_IGNORED
from seg.spec.dataset.dataset import SplitName

Polygons = list[list[float]]
"""Outlines of one object as COCO has them: x, y, x, y, ... in pixels."""

Dropped = Counter[str]
"""How many things of each kind an importer left out, for the report."""


@dataclass(frozen=True, slots=True)
class ImportedObject:
    """An object: its class's name, and its outlines, its runs of columns, or its mask, bool `[H, W]`."""

    name: str
    shape: Polygons | RunMask | MaskHW


@dataclass(frozen=True, slots=True)
class ImportedImage:
    """An image with its objects.

    Attributes:
        path: of the file; with `content`, the name of a new file.
        content: of an image that is in no file of its own.
    """

    path: Path
    size_hw: tuple[int, int]
    objects: Sequence[ImportedObject]
    split: SplitName = "train"
    content: bytes | None = None


@dataclass(frozen=True, slots=True)
class ImportedDataset:
    """A dataset in another format.

    Attributes:
        classes: ids by name, in order; those of the objects if the format lists none.
        unlabelled: the class of pixels without an object; added to the classes if it is new.
    """

    images: Iterable[ImportedImage]
    classes: Mapping[str, int] = field(default_factory=dict)
    unlabelled: str = "background"


Importer = Callable[[Path, Dropped], ImportedDataset]
"""Reads a file or folder. Raises DataError if it is not in the importer's format."""

IGNORED = UNLABELLED_IGNORED

_OF_ANOTHER_STRUCTURE: Final = (
    KeyError,
    TypeError,
    ValueError,
    IndexError,
    AttributeError,
    ArithmeticError,
    RecursionError,
)


def read_annotation_json(path: Path) -> Any:
    """The content of a JSON; raises DataError."""
    try:
        return json.loads(bytes_of_file(path).decode("utf-8-sig"))
    except (ValueError, RecursionError) as error:
        raise DataError(f"{path}: is not JSON: {error}") from error


def number_imported_classes(names: Iterable[str]) -> dict[str, int]:
    """Ids of classes from 1: 0 is for pixels without an object."""
    return {name: number for number, name in enumerate(dict.fromkeys(names), start=1)}


def import_split_of(name: str) -> SplitName:
    """The split that a folder or file is named after; training where it is neither validation nor test."""
    return split_of_word(name) or "train"


def import_split_of_path(path: Path, source: Path) -> SplitName:
    """The split that the folders of a file below the source are named after; training if none is."""
    return (split_of_path(path, source) if path.is_relative_to(source) else None) or "train"


@contextmanager
def errors_of_format_named(path: Path, form: str) -> Iterator[None]:
    """Turns what a file of another structure raises into a DataError that names the file."""
    try:
        yield
    except _OF_ANOTHER_STRUCTURE as error:
        raise DataError(f"{path}: is not as {form} writes it: {type(error).__name__}: {error}") from error


def size_of_imported_image(image: Path) -> tuple[int, int]:
    """Height and width of an image as it is read; raises DataError."""
    if large_hw := size_if_large(image):
        return large_hw
    try:
        return header_of_deep(bytes_of_file(image))[0]
    except ValueError as error:
        raise DataError(f"{image}: {error}") from error


def size_of_labelled_image(image: Path, claimed_hw: tuple[Any, Any]) -> tuple[int, int]:
    """Height and width of an image, which are those that its labels were drawn on, if these are known.

    Raises:
        DataError: the image cannot be read, or has another size.
    """
    size_hw = size_of_imported_image(image)
    if None not in claimed_hw and tuple(map(int, claimed_hw)) != size_hw:
        raise DataError(
            f"{image}: is {size_hw[1]}x{size_hw[0]}, and its labels were drawn on"
            f" {claimed_hw[1]}x{claimed_hw[0]} pixels: restore the image; check the EXIF orientation"
        )
    return size_hw


def images_by_stem(folder: Path) -> dict[str, Path]:
    """All images below a folder by their path in it without ending; raises DataError if there are none."""
    return {image.relative_to(folder).with_suffix("").as_posix(): image for image in image_files_in(folder)}


def image_beside_annotation(annotation: Path) -> Path | None:
    """The image of the same name in the same folder."""
    named = (
        annotation.with_suffix(ending)
        for suffix in sorted(IMAGE_SUFFIXES)
        for ending in (suffix, suffix.upper())
    )
    return next((image for image in named if image.is_file()), None)
