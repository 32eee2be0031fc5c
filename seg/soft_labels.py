"""Soft labels: an ensemble's probabilities for images, made in one room and learnt from in another.

One file for each image, found by the image's content: levels, uint8 `[C, H, W]`, compressed without loss.
What a level is, and how far off, says `seg.probability_codec`.
"""

import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Self

import numpy as np
from numpy.typing import NDArray

from seg.errors import DataError
from seg.files import atomic_path, sha256_of
from seg.labels import ProbabilitiesCHW
from seg.probability_codec import to_levels

SoftLabelsHWC = NDArray[np.uint8]
"""Levels of probabilities, uint8 `[H, W, C]`."""

_DIGITS: Final = 16
"""Of a SHA-256 in a file's name: 64 bits tell more files apart than a disk holds."""


@dataclass(frozen=True, slots=True)
class SoftLabels:
    """The soft labels in a folder."""

    folder: Path

    @classmethod
    def of_teacher(cls, runs: Path, teacher: str) -> Self:
        """Where those of an ensemble lie, by its fingerprint, beside its members' runs."""
        return cls(runs / "soft_labels" / teacher[:_DIGITS])

    def has(self, image: Path) -> bool:
        return self._path(image).exists()

    def put(self, image: Path, probabilities_chw: ProbabilitiesCHW) -> None:
        """Keep an image's probabilities, float32 `[C, H, W]`."""
        with atomic_path(self._path(image)) as temporary:
            np.savez_compressed(temporary, to_levels(probabilities_chw))

    def read(self, image: Path) -> SoftLabelsHWC:
        """What was kept for an image; raises DataError where nothing was."""
        path = self._path(image)
        try:
            with path.open("rb") as packed, np.load(packed, allow_pickle=False) as file:
                soft_hwc: SoftLabelsHWC = np.ascontiguousarray(file["arr_0"].transpose(1, 2, 0))
        except FileNotFoundError as error:
            raise DataError(f"{image}: has no soft labels in {self.folder}: run seg distill again") from error
        except (OSError, ValueError, KeyError, zipfile.BadZipFile) as error:
            raise DataError(f"{path}: is damaged: remove it and run seg distill again") from error
        return soft_hwc

    def _path(self, image: Path) -> Path:
        try:
            return self.folder / f"{sha256_of(image)[:_DIGITS]}.npz"
        except OSError as error:
            raise DataError(f"{image}: cannot be read: {error.strerror}") from error
