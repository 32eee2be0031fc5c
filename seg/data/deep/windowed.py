"""Large TIFFs of any bands and depth that are read by window."""

from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np

from seg.data.deep.decode import type_of_tiff, without_nodata
from seg.data.deep.percentiles import percentiles_of, scale
from seg.data.images.raster import LARGE, TIFF_SUFFIXES, has_rasterio, open_tiff, read_window
from seg.image_type import ImageHWB

if TYPE_CHECKING:
    from rasterio.io import DatasetReader

_SAMPLED: Final = 2048
"""Rows and columns that percentiles of a large image are taken of."""


class WindowedBands:
    """A TIFF on disk whose bands are read by window; use it in one thread at a time."""

    def __init__(self, path: Path, dataset: "DatasetReader", percentile: tuple[float, float] | None) -> None:
        self._path = path
        self._dataset = dataset
        self.shape = (dataset.height, dataset.width, dataset.count)
        self.dtype = np.dtype(type_of_tiff(dataset).pixels if percentile is None else "float32")
        self._ends = None if percentile is None else percentiles_of(self._sampled(), percentile)

    @property
    def nbytes(self) -> int:
        """The memory of one row of blocks, which are cached until the next row of tiles."""
        return int(self._dataset.block_shapes[0][0] * self.shape[1] * self.shape[2] * self.dtype.itemsize)

    def __getitem__(self, window: tuple[slice, slice], /) -> ImageHWB:
        """The pixels of some rows and columns; raises DataError if the file is damaged there."""
        bands_bhw = read_window(self._path, self._dataset, range(1, self._dataset.count + 1), window)
        image_hwb = without_nodata(bands_bhw, self._dataset)
        return image_hwb if self._ends is None else scale(image_hwb, *self._ends)

    def _sampled(self) -> ImageHWB:
        """Every n-th pixel of the image."""
        height, width = (min(side, _SAMPLED) for side in self.shape[:2])
        bands_bhw = self._dataset.read(out_shape=(self._dataset.count, height, width))
        return without_nodata(bands_bhw, self._dataset)


def open_large_bands(path: Path, percentile: tuple[float, float] | None) -> WindowedBands | None:
    """Open a large TIFF of any bands to read it by window; None for all other images."""
    if path.suffix.lower() not in TIFF_SUFFIXES or not has_rasterio():
        return None
    dataset = open_tiff(path)
    if dataset is None:
        return None
    if dataset.height * dataset.width <= LARGE:
        dataset.close()
        return None
    return WindowedBands(path, dataset, percentile)
