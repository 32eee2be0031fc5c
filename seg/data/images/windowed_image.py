"""Images on disk that are read by region as RGB of 8 bits."""

from pathlib import Path
from typing import Final

import numpy as np

from seg.data.images.band_file import BandFile
from seg.data.images.image_header import LostBandsError
from seg.data.regions.region import Region
from seg.errors import DataError
from seg.labels.label_map import ImageHWC
from seg.terminal.words import pluralise

_RGB: Final = (1, 2, 3)
_GREY: Final = (1, 1, 1)
GREY_OR_RGB: Final = frozenset({len(set(_GREY)), len(_RGB)})
"""The bands of images of 8 bits, without an alpha channel."""


class WindowedImage:
    """An image on disk that is read by region as RGB; threads take turns."""

    dtype = np.dtype(np.uint8)

    def __init__(self, file: BandFile) -> None:
        self._file = file
        self.shape = (*file.size_hw, len(_RGB))

    @property
    def nbytes(self) -> int:
        """The memory of one row of blocks, which are cached until the next row of tiles."""
        return self._file.rows_of_a_block * self.shape[1] * len(_RGB)

    def __getitem__(self, place: tuple[slice, slice], /) -> ImageHWC:
        """The pixels of some rows and columns; raises DataError as `RasterFile.read`."""
        bands = _RGB if self._file.bands >= len(_RGB) else _GREY
        pixels_chw = self._file.read(bands, Region.of_slices(place, self._file.size_hw))
        return np.ascontiguousarray(pixels_chw.transpose(1, 2, 0))


def open_as_rgb(path: Path, file: BandFile) -> WindowedImage:
    """An opened file as RGB of 8 bits; raises DataError if it has bands that would be lost."""
    if set(file.dtypes) != {"uint8"} or file.bands not in GREY_OR_RGB:
        lost = LostBandsError(f"{pluralise(file.bands, 'band')} of {file.dtypes[0]}")
        raise DataError(f"{path}: {lost}")
    return WindowedImage(file)
