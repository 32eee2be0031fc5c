"""Images too large to be decoded whole: their pixels are read where they are asked for."""

import importlib.util
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Final, Protocol

import numpy as np

from seg.data.decoding import refuse_band_for_alpha
from seg.data.image_files import special_file
from seg.data.image_header import LostBandsError
from seg.data.images import read_image
from seg.errors import DataError
from seg.labels import ImageHWC
from seg.words import counted

if TYPE_CHECKING:
    from rasterio.io import DatasetReader

LARGE: Final = 2**25
"""Pixels from which on a TIFF is read by window; decoded, it would take 100 MB and its file as much again."""

CACHE_BYTES: Final = 256 * 2**20
"""What may stay decoded for the next row of tiles; GDAL alone would take a twentieth of all memory."""

TIFF_SUFFIXES: Final = frozenset({".tif", ".tiff"})
_MIDDLE: Final = 512
"""Rows and columns in the middle that stand for all."""

_RGB: Final = (1, 2, 3)
_GREY: Final = (1, 1, 1)


class Raster(Protocol):
    """What tiles can be cut from: an array in memory, or an image on disk; RGB, uint8 `[H, W, 3]`."""

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
    """A TIFF on disk, of one thread at a time."""

    def __init__(self, path: Path, dataset: "DatasetReader") -> None:
        self._path = path
        self._dataset = dataset
        self.shape = (dataset.height, dataset.width, len(_RGB))

    @property
    def nbytes(self) -> int:
        """As much as blocks of a row of it take, which are kept until the next row of tiles."""
        return int(self._dataset.block_shapes[0][0] * self.shape[1] * len(_RGB))

    def __getitem__(self, window: tuple[slice, slice], /) -> ImageHWC:
        """The pixels of some rows and columns.

        Raises:
            DataError: the file is cut off or damaged there.
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
    """An image for tiles to be cut from: by window where it is a large TIFF, or else decoded whole.

    By window are those of 8 bits a channel and without a palette, where rasterio is installed. An orientation
    that they may name is left alone, as all that deals with maps does.

    Raises:
        DataError: as for `read_image`.
    """
    return open_large_tiff(path) or read_image(path)


def open_large_tiff(path: Path) -> WindowedImage | None:
    """A large TIFF, to be read by window; None for all others.

    Raises:
        DataError: it has bands that would be lost.
    """
    if path.suffix.lower() not in TIFF_SUFFIXES or not has_rasterio():
        return None
    import rasterio
    from rasterio.enums import ColorInterp

    quiet_about_missing_places()
    try:
        if special_file(path):
            return None
        dataset = rasterio.open(path, driver="GTiff")
    except (rasterio.errors.RasterioError, OSError, ValueError):
        # What is wrong with it is said where images are decoded.
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
    """Raise ValueError for bands that would be lost; whether a fourth is alpha is seen in the middle."""
    from rasterio.enums import ColorInterp
    from rasterio.windows import Window

    has_alpha = dataset.colorinterp[-1] == ColorInterp.alpha
    if set(dataset.dtypes) != {"uint8"} or dataset.count - has_alpha not in {len(set(_GREY)), len(_RGB)}:
        raise LostBandsError(f"{counted(dataset.count, 'band')} of {dataset.dtypes[0]}")
    if has_alpha:
        height, width = min(dataset.height, _MIDDLE), min(dataset.width, _MIDDLE)
        middle = Window((dataset.width - width) // 2, (dataset.height - height) // 2, width, height)
        refuse_band_for_alpha(dataset.read(dataset.count, window=middle))


def has_rasterio() -> bool:
    return importlib.util.find_spec("rasterio") is not None


def quiet_about_missing_places() -> None:
    """Let rasterio say nothing of images that do not say where on Earth they lie, in the whole process."""
    from rasterio.errors import NotGeoreferencedWarning

    warnings.filterwarnings("ignore", category=NotGeoreferencedWarning)
