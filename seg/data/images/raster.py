"""Large TIFFs that are read by window instead of being decoded whole."""

import importlib.util
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Final, Protocol

import numpy as np

from seg.data.images.decoding import refuse_colour_in_alpha
from seg.data.images.image_files import special_file
from seg.data.images.image_header import LostBandsError
from seg.data.images.images import read_image
from seg.errors import DataError
from seg.labels.label_map import ImageHWC
from seg.terminal.words import counted

if TYPE_CHECKING:
    from rasterio.io import DatasetReader

LARGE: Final = 2**25
"""From this number of pixels on, a TIFF is read by window; decoded, it would take at least 100 MB."""

CACHE_BYTES: Final = 256 * 2**20
"""GDAL's cache of decoded blocks, for the next row of tiles; its default is 5% of all memory."""

TIFF_SUFFIXES: Final = frozenset({".tif", ".tiff"})
_MIDDLE: Final = 512
"""Rows and columns in the middle of an image that are sampled."""

_RGB: Final = (1, 2, 3)
_GREY: Final = (1, 1, 1)


class Raster(Protocol):
    """An image that tiles are cut from: an array in memory, or an image on disk; RGB, uint8 `[H, W, 3]`."""

    @property
    def shape(self) -> tuple[int, int, int]: ...

    @property
    def nbytes(self) -> int:
        """The memory that it takes."""
        ...

    def __getitem__(self, window: tuple[slice, slice], /) -> ImageHWC:
        """The pixels of some rows and columns."""
        ...


class WindowedImage:
    """A TIFF on disk that is read by window; use it in one thread at a time."""

    def __init__(self, path: Path, dataset: "DatasetReader") -> None:
        self._path = path
        self._dataset = dataset
        self.shape = (dataset.height, dataset.width, len(_RGB))

    @property
    def nbytes(self) -> int:
        """The memory of one row of blocks, which are cached until the next row of tiles."""
        return int(self._dataset.block_shapes[0][0] * self.shape[1] * len(_RGB))

    def __getitem__(self, window: tuple[slice, slice], /) -> ImageHWC:
        """The pixels of some rows and columns.

        Raises:
            DataError: the file is truncated or damaged there.
        """
        import rasterio
        from rasterio.windows import Window

        rows, columns = window
        top, bottom, _ = rows.indices(self.shape[0])
        left, right, _ = columns.indices(self.shape[1])
        bands = _RGB if self._dataset.count >= len(_RGB) else _GREY
        try:
            with rasterio.Env(GDAL_CACHEMAX=CACHE_BYTES):
                pixels_chw = self._dataset.read(bands, window=Window(left, top, right - left, bottom - top))
        except rasterio.errors.RasterioError as error:
            raise DataError(f"{self._path}: is cut off or damaged at row {top}, column {left}") from error
        return np.ascontiguousarray(pixels_chw.transpose(1, 2, 0))


def open_raster(path: Path) -> Raster:
    """Open an image to cut tiles from: by window if it is a large TIFF, else decoded whole.

    TIFFs of 8 bits per channel without a palette are read by window, if rasterio is installed. Their
    orientation tag is ignored, as by other geospatial software.

    Raises:
        DataError: as for `read_image`.
    """
    return open_large_tiff(path) or read_image(path)


def open_large_tiff(path: Path) -> WindowedImage | None:
    """Open a large TIFF to read it by window; None for all other images.

    Raises:
        DataError: it has bands that would be lost.
    """
    if path.suffix.lower() not in TIFF_SUFFIXES or not has_rasterio():
        return None
    import rasterio
    from rasterio.enums import ColorInterp

    silence_georeferencing_warnings()
    try:
        if special_file(path):
            return None
        dataset = rasterio.open(path, driver="GTiff")
    except (rasterio.errors.RasterioError, OSError, ValueError):
        # The problem is reported when the image is decoded.
        return None
    if dataset.height * dataset.width <= LARGE or dataset.colorinterp[0] == ColorInterp.palette:
        dataset.close()
        return None
    try:
        _refuse_other_bands(dataset)
    except ValueError as error:
        raise DataError(f"{path}: {error}") from error
    return WindowedImage(path, dataset)


def _refuse_other_bands(dataset: "DatasetReader") -> None:
    """Raise ValueError for bands that would be lost; a fourth band is sampled in the middle of the image."""
    from rasterio.enums import ColorInterp
    from rasterio.windows import Window

    has_alpha = dataset.colorinterp[-1] == ColorInterp.alpha
    if set(dataset.dtypes) != {"uint8"} or dataset.count - has_alpha not in {len(set(_GREY)), len(_RGB)}:
        raise LostBandsError(f"{counted(dataset.count, 'band')} of {dataset.dtypes[0]}")
    if has_alpha:
        height, width = min(dataset.height, _MIDDLE), min(dataset.width, _MIDDLE)
        middle = Window((dataset.width - width) // 2, (dataset.height - height) // 2, width, height)
        refuse_colour_in_alpha(dataset.read(dataset.count, window=middle))


def has_rasterio() -> bool:
    return importlib.util.find_spec("rasterio") is not None


def silence_georeferencing_warnings() -> None:
    """Silence rasterio's warning about images without a georeference, in the whole process."""
    from rasterio.errors import NotGeoreferencedWarning

    warnings.filterwarnings("ignore", category=NotGeoreferencedWarning)
