"""One npz: for each image id its label map, `[H, W]`, of class ids or positions."""

import zipfile
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import IO, Final

import numpy as np

from seg.classes import ClassInfo
from seg.engine.passes.passes import Size
from seg.engine.submissions.base import Labelled, SizeOf
from seg.engine.submissions.seen import SeenImages
from seg.engine.submissions.values import PixelValues
from seg.errors import DataError
from seg.file_names import FileNames, id_of_name
from seg.files import DAMAGED_ZIP, atomic_path
from seg.spec.output import Values

_SUFFIX = ".npy"
_TYPES: Final = (np.uint8, np.uint16, np.int32)


class NpzFile:
    """Written image by image, so that memory does not grow with their number."""

    def __init__(self, classes: Sequence[ClassInfo], values: Values) -> None:
        self._values = PixelValues(classes, values, _TYPES)

    def write(self, path: Path, images: Iterable[Labelled]) -> None:
        names = FileNames(_SUFFIX)
        with (
            atomic_path(path) as temporary,
            zipfile.ZipFile(temporary, "w", zipfile.ZIP_DEFLATED) as archive,
        ):
            for image_id, labels_hw in images:
                values_hw = self._values.encoded(image_id, labels_hw)
                with archive.open(names.name_of(image_id), "w") as file:
                    np.lib.format.write_array(file, values_hw, allow_pickle=False)

    def read(self, path: Path, size_of: SizeOf) -> Iterator[Labelled]:
        seen = SeenImages(size_of)
        try:
            with zipfile.ZipFile(path) as archive:
                for name in archive.namelist():
                    image_id = id_of_name(name.removesuffix(_SUFFIX))
                    place = f"{path}: {name}"
                    with archive.open(name) as file:
                        _check_header(place, file, seen.size_hw(place, image_id))
                    with archive.open(name) as file:
                        values_hw = np.lib.format.read_array(file, allow_pickle=False)
                    yield image_id, self._values.decoded(place, values_hw)
        except DAMAGED_ZIP as error:
            raise DataError(f"{path}: is no npz of label maps: {error}") from error


def _check_header(place: str, file: IO[bytes], size_hw: Size) -> None:
    """Refuse an array before it is unpacked: a few bytes of zip can say that it has a terabyte."""
    if np.lib.format.read_magic(file) != (1, 0):
        raise DataError(f"{place} is no array of npy's version 1.0")
    shape, _, dtype = np.lib.format.read_array_header_1_0(file)
    if dtype.kind not in "iu" or tuple(shape) != tuple(size_hw):
        raise DataError(f"{place} is {dtype} {shape}, not integers of {tuple(size_hw)} (height, width)")
