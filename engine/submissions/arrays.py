"""One npz: for each image id its label map, uint8 `[H, W]`."""

import zipfile
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np

from seg.engine.submissions.protocol import Labelled, SizeOf
from seg.errors import DataError, OutputError
from seg.files import atomic_path
from seg.labels import LabelsHW

_SUFFIX = ".npy"


class Arrays:
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
                    with archive.open(name) as file:
                        labels_hw = np.lib.format.read_array(file, allow_pickle=False)
                    yield name.removesuffix(_SUFFIX), _checked(path, name, labels_hw)
        except (OSError, zipfile.BadZipFile, ValueError) as error:
            raise DataError(f"{path}: is no npz of label maps: {error}") from error


def _checked(path: Path, name: str, labels_hw: LabelsHW) -> LabelsHW:
    if labels_hw.dtype != np.uint8 or labels_hw.ndim != 2:
        raise DataError(f"{path}: {name} is {labels_hw.dtype} {labels_hw.shape}, not uint8 [H, W]")
    return labels_hw
