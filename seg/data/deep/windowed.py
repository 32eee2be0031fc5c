"""Large files of any bands and depth that are read by region."""

from pathlib import Path
from typing import Final

import numpy as np

from seg.data.deep.decode import type_of_bands, without_nodata
from seg.data.deep.percentiles import percentiles_of, scale_to_ends
from seg.data.images.band_file import BandFile
from seg.data.images.raster import open_large_file
from seg.data.regions.region import Region
from seg.image_type import ImageHWB

_SAMPLED: Final = 2048
"""Rows and columns that percentiles of a large image are taken of."""


class WindowedBands:
    """A file on disk whose bands are read by region; use it in one thread at a time."""

    def __init__(self, file: BandFile, percentile: tuple[float, float] | None) -> None:
        self._file = file
        self.shape = (*file.size_hw, file.bands)
        pixels = type_of_bands(file.dtypes, file.nodata).pixels
        self.dtype = np.dtype(pixels if percentile is None else "float32")
        self._ends = None if percentile is None else percentiles_of(self._sampled(), percentile)

    @property
    def nbytes(self) -> int:
        """The memory of one row of blocks, which are cached until the next row of tiles."""
        return self._file.rows_of_a_block * self.shape[1] * self.shape[2] * self.dtype.itemsize

    def __getitem__(self, place: tuple[slice, slice], /) -> ImageHWB:
        """The pixels of some rows and columns; raises DataError if the file is damaged there."""
        region = Region.of_slices(place, self._file.size_hw)
        bands_bhw = self._file.read(range(1, self._file.bands + 1), region)
        image_hwb = without_nodata(bands_bhw, self._file.nodata)
        return image_hwb if self._ends is None else scale_to_ends(image_hwb, *self._ends)

    def _sampled(self) -> ImageHWB:
        height, width = (min(side, _SAMPLED) for side in self._file.size_hw)
        return without_nodata(self._file.read_sampled((height, width)), self._file.nodata)


def open_large_bands(path: Path, percentile: tuple[float, float] | None) -> WindowedBands | None:
    """Open a large file of any bands to read it by region; None for all other images."""
    file = open_large_file(path)
    return WindowedBands(file, percentile) if file else None
