"""The npz format: an array `[H, W]` of class ids or positions for each image id."""

import zipfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import IO, Final

import numpy as np

from seg.engine.passes.passes import Size
from seg.engine.submissions.base import LabelledImage, SizeOf
from seg.engine.submissions.image_registry import ImageRegistry
from seg.engine.submissions.masks.bit_values import BitValues
from seg.engine.submissions.masks.pixel_values import PixelTypes, PixelValues
from seg.errors import DataError
from seg.files.atomic import DAMAGED_ZIP, atomic_path
from seg.files.file_names import FileNames, id_of_file_name

_SUFFIX = ".npy"
TYPES: Final[PixelTypes] = (np.uint8, np.uint16, np.int32)
MOST_BITS: Final = 64


class NpzFile:
    """Writes image by image, so that memory does not grow with the number of images."""

    def __init__(self, values: PixelValues | BitValues) -> None:
        self._values = values

    def write(self, path: Path, images: Iterable[LabelledImage]) -> None:
        names = FileNames(_SUFFIX)
        with (
            atomic_path(path) as temporary,
            zipfile.ZipFile(temporary, "w", zipfile.ZIP_DEFLATED) as archive,
        ):
            for image_id, labels_hw in images:
                values_hw = self._values.encode(image_id, labels_hw)
                with archive.open(names.name_of(image_id), "w") as file:
                    np.lib.format.write_array(file, values_hw, allow_pickle=False)

    def read(self, path: Path, size_of: SizeOf) -> Iterator[LabelledImage]:
        registry = ImageRegistry(size_of)
        try:
            with zipfile.ZipFile(path) as archive:
                for name in archive.namelist():
                    image_id = id_of_file_name(name.removesuffix(_SUFFIX))
                    place = f"{path}: {name}"
                    with archive.open(name) as file:
                        _check_npz_header(place, file, registry.register(place, image_id))
                    with archive.open(name) as file:
                        values_hw = np.lib.format.read_array(file, allow_pickle=False)
                    yield image_id, self._values.decode(place, values_hw)
        except DAMAGED_ZIP as error:
            raise DataError(f"{path}: is not an npz of label maps: {error}") from error


def _check_npz_header(place: str, file: IO[bytes], size_hw: Size) -> None:
    """Check an array's header before it is unpacked: a few bytes of zip can claim a terabyte."""
    if np.lib.format.read_magic(file) != (1, 0):
        raise DataError(f"{place} is not an array in npy format 1.0")
    shape, _, dtype = np.lib.format.read_array_header_1_0(file)
    if dtype.kind not in "iu" or tuple(shape) != tuple(size_hw):
        raise DataError(f"{place} is {dtype} {shape}, not integers of {tuple(size_hw)} (height, width)")
