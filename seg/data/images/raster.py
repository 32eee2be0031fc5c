"""Large images that are read by region instead of being decoded whole."""

import importlib.util
import math
import threading
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Protocol

import numpy as np
from numpy.typing import NDArray

from seg.data.images.decoding import refuse_colour_in_alpha, upright_size
from seg.data.images.image_files import bytes_of, special_file
from seg.data.images.image_header import LostBandsError
from seg.data.images.images import read_image
from seg.data.regions.region import Region, Size
from seg.data.regions.tiled_copy import Bands, existing_copy, write_copy
from seg.errors import DataError
from seg.image_type import ImageHWB
from seg.labels.label_map import ImageHWC
from seg.terminal.words import counted

if TYPE_CHECKING:
    from rasterio.io import DatasetReader

LARGE: Final = 2**25
"""From this number of pixels on, an image is read by region; decoded, it would take at least 100 MB."""

CACHE_BYTES: Final = 256 * 2**20
"""GDAL's cache of decoded blocks, for the next row of tiles; its default is 5% of all memory."""

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
TIFF_SUFFIXES: Final = frozenset({".tif", ".tiff"})
_MOST_SHRUNK: Final = 1024
"""Pixels for each byte of a file, at most: deflate shrinks a plain image a thousandfold."""

_PALETTE_SIZE: Final = 256
_MIDDLE: Final = 512
"""Rows and columns in the middle of an image that are sampled."""

_RGB: Final = (1, 2, 3)
_GREY: Final = (1, 1, 1)


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


class RasterFile:
    """A file whose bands are read by region; threads take turns."""

    def __init__(self, path: Path, dataset: "DatasetReader") -> None:
        self._path = path
        self._dataset = dataset
        self.size_hw: Size = (dataset.height, dataset.width)
        self.bands: int = dataset.count
        self.dtypes: tuple[str, ...] = dataset.dtypes
        self.nodata: tuple[float | None, ...] = dataset.nodatavals
        self._turn = threading.Lock()

    @property
    def rows_of_a_block(self) -> int:
        """The rows that are decoded together."""
        return int(self._dataset.block_shapes[0][0])

    @property
    def palette(self) -> NDArray[np.uint8] | None:
        """The colours of its palette, uint8 `[256, 3]`, if it has one."""
        if not _has_palette(self._dataset):
            return None
        colours = np.zeros((_PALETTE_SIZE, len(_RGB)), dtype=np.uint8)
        for index, colour in self._dataset.colormap(1).items():
            colours[index] = colour[: len(_RGB)]
        return colours

    def read_sampled(self, size_hw: Size) -> NDArray[Any]:
        """All bands of the whole file, every n-th pixel: `[B, H, W]`."""
        return np.asarray(self._dataset.read(out_shape=(self.bands, *size_hw)))

    def read(self, bands: Sequence[int], region: Region) -> NDArray[Any]:
        """Some bands, from 1, of a region: `[B, H, W]`.

        Raises:
            DataError: the file is truncated or damaged there.
        """
        import rasterio
        from rasterio.windows import Window

        window = Window(region.left, region.top, region.width, region.height)
        try:
            with self._turn, rasterio.Env(GDAL_CACHEMAX=CACHE_BYTES):
                return np.asarray(self._dataset.read(tuple(bands), window=window))
        except rasterio.errors.RasterioError as error:
            raise DataError(
                f"{self._path}: is cut off or damaged at row {region.top}, column {region.left}"
            ) from error


class WindowedImage:
    """An image on disk that is read by region as RGB; threads take turns."""

    dtype = np.dtype(np.uint8)

    def __init__(self, file: RasterFile) -> None:
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


def open_raster(path: Path) -> Raster:
    """Open an image to cut tiles from: by region if it is large, else decoded whole.

    Images of 8 bits per channel without a palette are read by region, if rasterio is installed. The
    orientation tag of a TIFF is ignored then, as by other geospatial software.

    Raises:
        DataError: as for `read_image`.
    """
    return open_large_image(path) or read_image(path)


def open_large_image(path: Path) -> WindowedImage | None:
    """Open a large image to read it by region; None for all other images.

    Raises:
        DataError: it has bands that would be lost.
    """
    dataset = _open_large(path)
    if dataset is None or _has_palette(dataset):
        return None
    try:
        _refuse_other_bands(dataset)
    except ValueError as error:
        raise DataError(f"{path}: {error}") from error
    return WindowedImage(RasterFile(path, _by_region(path, dataset)))


def size_if_large(path: Path) -> Size | None:
    """Height and width of an image that is read by region; None for all others."""
    dataset = _open_large(path)
    if dataset is None:
        return None
    with dataset:
        if dataset.driver == _JPEG:
            return upright_size(bytes_of(path))
        return None if _has_palette(dataset) else (dataset.height, dataset.width)


def open_large_file(path: Path) -> RasterFile | None:
    """Open a large file of any bands and depth, such as a mask, to read it by region; None for others."""
    dataset = _open_large(path)
    return RasterFile(path, _by_region(path, dataset)) if dataset else None


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
    if dataset.height * dataset.width <= LARGE:
        dataset.close()
        return None
    return dataset


def _may_be_large(path: Path) -> bool:
    try:
        return special_file(path) is None and path.stat().st_size * _MOST_SHRUNK >= LARGE
    except (OSError, ValueError):
        return False


def _by_region(path: Path, dataset: "DatasetReader") -> "DatasetReader":
    """The file, or a tiled copy of one whose blocks are too large to be read for a region of them."""
    import rasterio

    if dataset.driver == _TIFF and math.prod(dataset.block_shapes[0]) <= _LARGEST_BLOCK:
        return dataset
    with dataset:
        copy = existing_copy(path)
        if copy is None and dataset.driver == _JPEG:
            copy = write_copy(path, Bands.of_image(read_image(path)))
        return rasterio.open(
            copy or write_copy(path, Bands.of_file(path, dataset, has_palette=_has_palette(dataset)))
        )


def _has_palette(dataset: "DatasetReader") -> bool:
    from rasterio.enums import ColorInterp

    return bool(dataset.colorinterp[0] == ColorInterp.palette)


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
