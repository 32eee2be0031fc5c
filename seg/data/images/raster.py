"""Large images that are read by region instead of being decoded whole."""

import math
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Protocol

import numpy as np

from seg.data.images.band_file import (
    BandFile,
    RasterFile,
    has_palette,
    has_rasterio,
    silence_georeferencing_warnings,
)
from seg.data.images.decoding import refuse_colour_in_alpha, upright_size
from seg.data.images.image_files import bytes_of_file, special_file
from seg.data.images.image_header import LostBandsError
from seg.data.images.images import read_image
from seg.data.images.pyramid import is_pyramid, open_pyramid, open_tiff_level
from seg.data.images.windowed_image import GREY_OR_RGB, WindowedImage, open_as_rgb
from seg.data.regions.region import Size
from seg.data.regions.tiled_copy import CopiedBands, existing_tiled_copy, write_tiled_copy
from seg.errors import DataError
from seg.image_type import ImageHWB
from seg.terminal.words import pluralise

if TYPE_CHECKING:
    from rasterio.io import DatasetReader

LARGE: Final = 2**25
"""An image of more pixels is read by region; decoded, it would take at least 100 MB."""

_LARGEST_BLOCK: Final = 2**25
"""Pixels of a block that may be decoded for a region of it."""

_TIFF: Final = "GTiff"
_JPEG: Final = "JPEG"
_DRIVERS: Final[Mapping[str, str]] = {
    ".tif": _TIFF,
    ".tiff": _TIFF,
    ".png": "PNG",
    ".jpg": _JPEG,
    ".jpeg": _JPEG,
}
_MOST_SHRUNK: Final = 1024
"""Pixels for each byte of a file, at most: deflate shrinks a plain image a thousandfold."""

_MIDDLE: Final = 512
"""Rows and columns in the middle of an image that are sampled."""


class Raster(Protocol):
    """An image that tiles are cut from: an array in memory, or an image on disk; uint8 RGB, or of bands."""

    @property
    def shape(self) -> tuple[int, int, int]: ...

    @property
    def dtype(self) -> np.dtype[Any]: ...

    @property
    def nbytes(self) -> int:
        """The memory that it takes."""
        ...

    def __getitem__(self, window: tuple[slice, slice], /) -> ImageHWB:
        """The pixels of some rows and columns."""
        ...


def open_raster(path: Path) -> Raster:
    """Open an image to cut tiles from: by region if it is large, else decoded whole.

    Images of 8 bits per channel without a palette are read by region, if rasterio is installed. The
    orientation tag of a TIFF is ignored then, as by other geospatial software.

    Raises:
        DataError: as for `read_image`.
    """
    return open_large_image(path) or read_image(path)


def is_large(size_hw: Size) -> bool:
    """Whether an image of that size is read by region, so that it is never in memory as a whole."""
    return math.prod(size_hw) > LARGE


def open_large_image(path: Path) -> WindowedImage | None:
    """Open a large image to read it by region; None for all other images.

    Raises:
        DataError: it has bands that would be lost.
    """
    if is_pyramid(path):
        file = open_pyramid(path)
        return open_as_rgb(path, file) if is_large(file.size_hw) else None
    dataset = _open_large(path)
    if dataset is None or has_palette(dataset):
        return None
    _check_raster_bands(path, dataset)
    return WindowedImage(RasterFile(path, _open_tiled_copy(path, dataset)))


def open_raster_level(path: Path, level: int) -> WindowedImage:
    """Open a level of a file as RGB of 8 bits; raises DataError if it has bands that would be lost."""
    if is_pyramid(path):
        return open_as_rgb(path, open_pyramid(path, level))
    dataset = open_tiff_level(path, level=level)
    _check_raster_bands(path, dataset)
    return WindowedImage(RasterFile(path, dataset))


def size_if_large(path: Path) -> Size | None:
    """Height and width of an image that is read by region; None for all others."""
    if is_pyramid(path):
        size_hw = open_pyramid(path).size_hw
        return size_hw if is_large(size_hw) else None
    dataset = _open_large(path)
    if dataset is None:
        return None
    with dataset:
        if dataset.driver == _JPEG:
            return upright_size(bytes_of_file(path))
        return None if has_palette(dataset) else (dataset.height, dataset.width)


def open_large_file(path: Path) -> BandFile | None:
    """Open a large file of any bands and depth, such as a mask, to read it by region; None for others."""
    if is_pyramid(path):
        file = open_pyramid(path)
        return file if is_large(file.size_hw) else None
    dataset = _open_large(path)
    return RasterFile(path, _open_tiled_copy(path, dataset)) if dataset else None


def _open_large(path: Path) -> "DatasetReader | None":
    """A file of more than `LARGE` pixels; None for smaller and broken ones, and without rasterio."""
    driver = _DRIVERS.get(path.suffix.lower())
    if driver is None or not has_rasterio() or not _may_be_large(path):
        return None
    import rasterio

    silence_georeferencing_warnings()
    try:
        dataset = rasterio.open(path, driver=driver)
    except (rasterio.errors.RasterioError, OSError, ValueError):
        # The problem is reported when the image is decoded.
        return None
    if not is_large((dataset.height, dataset.width)):
        dataset.close()
        return None
    return dataset


def _may_be_large(path: Path) -> bool:
    try:
        return special_file(path) is None and path.stat().st_size * _MOST_SHRUNK >= LARGE
    except (OSError, ValueError):
        return False


def _open_tiled_copy(path: Path, dataset: "DatasetReader") -> "DatasetReader":
    """The file, or a tiled copy of one whose blocks are too large to be read for a region of them."""
    import rasterio

    if dataset.driver == _TIFF and math.prod(dataset.block_shapes[0]) <= _LARGEST_BLOCK:
        return dataset
    with dataset:
        copy = existing_tiled_copy(path)
        if copy is None and dataset.driver == _JPEG:
            copy = write_tiled_copy(path, CopiedBands.of_image(read_image(path)))
        return rasterio.open(
            copy
            or write_tiled_copy(path, CopiedBands.of_file(path, dataset, has_palette=has_palette(dataset)))
        )


def _check_raster_bands(path: Path, dataset: "DatasetReader") -> None:
    """Raise DataError for bands that would be lost."""
    try:
        _refuse_lost_raster_bands(dataset)
    except ValueError as error:
        raise DataError(f"{path}: {error}") from error


def _refuse_lost_raster_bands(dataset: "DatasetReader") -> None:
    """Raise ValueError for bands that would be lost; a fourth band is sampled in the middle of the image."""
    from rasterio.enums import ColorInterp
    from rasterio.windows import Window

    has_alpha = dataset.colorinterp[-1] == ColorInterp.alpha
    if set(dataset.dtypes) != {"uint8"} or dataset.count - has_alpha not in GREY_OR_RGB:
        raise LostBandsError(f"{pluralise(dataset.count, 'band')} of {dataset.dtypes[0]}")
    if has_alpha:
        height, width = min(dataset.height, _MIDDLE), min(dataset.width, _MIDDLE)
        middle = Window((dataset.width - width) // 2, (dataset.height - height) // 2, width, height)
        refuse_colour_in_alpha(dataset.read(dataset.count, window=middle))
