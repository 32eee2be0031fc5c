"""One npz: for each image id its label map, uint8 `[H, W]`."""

import zipfile
import zlib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import IO

import numpy as np

from seg.engine.passes.passes import Size
from seg.engine.submissions.base import Labelled, SizeOf
from seg.errors import DataError, OutputError
from seg.files import atomic_path

_SUFFIX = ".npy"


class NpzFile:
    """Written image by image, so that memory does not grow with their number."""

    def write(self, path: Path, images: Iterable[Labelled], sample: Path | None = None) -> None:
        try:
            with (
                atomic_path(path) as temporary,
                zipfile.ZipFile(temporary, "w", zipfile.ZIP_DEFLATED) as archive,
            ):
                for image_id, labels_hw in images:
                    with archive.open(f"{image_id}{_SUFFIX}", "w") as file:
                        np.lib.format.write_array(file, labels_hw, allow_pickle=False)
        except OSError as error:
            raise OutputError(f"{path}: cannot be written: {error.strerror}") from error

    def read(self, path: Path, size_of: SizeOf) -> Iterator[Labelled]:
        try:
            with zipfile.ZipFile(path) as archive:
                for name in archive.namelist():
                    image_id = name.removesuffix(_SUFFIX)
                    with archive.open(name) as file:
                        _check_header(path, name, file, size_of(image_id))
                    with archive.open(name) as file:
                        yield image_id, np.lib.format.read_array(file, allow_pickle=False)
        except (OSError, EOFError, zipfile.BadZipFile, zlib.error, ValueError, NotImplementedError) as error:
            raise DataError(f"{path}: is no npz of label maps: {error}") from error


def _check_header(path: Path, name: str, file: IO[bytes], size_hw: Size) -> None:
    """Refuse an array before it is unpacked: a few bytes of zip can say that it has a terabyte."""
    if np.lib.format.read_magic(file) != (1, 0):
        raise DataError(f"{path}: {name} is no array of npy's version 1.0")
    shape, _, dtype = np.lib.format.read_array_header_1_0(file)
    if dtype != np.uint8 or tuple(shape) != tuple(size_hw):
        raise DataError(f"{path}: {name} is {dtype} {shape}, not uint8 {tuple(size_hw)} (height, width)")
