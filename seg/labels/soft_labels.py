"""Soft labels on disk: an ensemble's probabilities for images, written by the engine and read by training.

One file per image, named by the image's content: levels, uint8 `[C, H, W]`, losslessly compressed; see
`seg.labels.probability_codec` for the encoding and its error.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Final, Self

import numpy as np
from numpy.typing import NDArray

from seg.errors import DataError
from seg.files.atomic import DAMAGED_ZIP, atomic_path, regular_file, sha256_of
from seg.labels.label_map import ProbabilitiesCHW
from seg.labels.probability_codec import probabilities_to_levels
from seg.terminal.notices import notice

SoftLabelsHWC = NDArray[np.uint8]
"""Levels of probabilities, uint8 `[H, W, C]`."""

_DIGITS: Final = 16
"""Digits of a SHA-256 in a file's name: 64 bits are enough to avoid collisions."""


@dataclass(frozen=True, slots=True)
class SoftLabels:
    """The soft labels in a folder."""

    folder: Path

    @classmethod
    def of_teacher(cls, runs: Path, teacher: str) -> Self:
        """The soft labels of an ensemble with that fingerprint, beside its members' runs."""
        return cls(runs / "soft_labels" / teacher[:_DIGITS])

    def has(self, image: Path) -> bool:
        """Whether an image has soft labels; damaged ones do not count and are named on stderr."""
        path = self._path(image)
        if not path.exists():
            return False
        try:
            self.read(image)
        except DataError:
            notice(f"{path}: is damaged: its image is predicted again")
            return False
        return True

    def put(self, image: Path, probabilities_chw: ProbabilitiesCHW) -> None:
        """Store an image's probabilities, float32 `[C, H, W]`."""
        with atomic_path(self._path(image), is_one_of_many=True) as temporary:
            np.savez_compressed(temporary, probabilities_to_levels(probabilities_chw))

    def read(self, image: Path) -> SoftLabelsHWC:
        """The soft labels of an image; raises DataError if there are none."""
        path = self._path(image)
        try:
            with regular_file(path).open("rb") as packed, np.load(packed, allow_pickle=False) as file:
                soft_chw = file["arr_0"]
        except FileNotFoundError as error:
            raise DataError(f"{image}: has no soft labels in {self.folder}: run seg distill again") from error
        except (
            *DAMAGED_ZIP,
            TypeError,
            MemoryError,
        ) as error:  # A TypeError where it is no zip, but an array.
            raise DataError(f"{path}: is damaged: remove it and run seg distill again") from error
        if soft_chw.dtype != np.uint8 or soft_chw.ndim != 3:
            raise DataError(f"{path}: has no soft labels: remove it and run seg distill again")
        return np.ascontiguousarray(soft_chw.transpose(1, 2, 0))

    def read_fitting(self, image: Path, shape_hwc: tuple[int, int, int]) -> SoftLabelsHWC:
        """The soft labels of an image; raises DataError if there are none of that shape."""
        soft_hwc = self.read(image)
        if soft_hwc.shape != shape_hwc:
            raise DataError(
                f"{self._path(image)}: has soft labels of {soft_hwc.shape}, expected {shape_hwc} (height,"
                " width, classes): remove it and run seg distill again"
            )
        return soft_hwc

    def _path(self, image: Path) -> Path:
        try:
            return self.folder / f"{sha256_of(image)[:_DIGITS]}.npz"
        except OSError as error:
            raise DataError(f"{image}: cannot be read: {error.strerror}") from error
