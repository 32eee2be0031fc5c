"""Files whose bands are read by region, through rasterio."""

import importlib.util
import threading
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Protocol

import numpy as np
from numpy.typing import NDArray

from seg.data.regions.region import Region, Size
from seg.errors import DataError

if TYPE_CHECKING:
    from rasterio.io import DatasetReader

CACHE_BYTES: Final = 256 * 2**20
"""GDAL's cache of decoded blocks, for the next row of tiles; its default is 5% of all memory."""

_COLOURS: Final = 3
_PALETTE_SIZE: Final = 256


class BandFile(Protocol):
    """A file, or a level of one, whose bands are read by region."""

    @property
    def size_hw(self) -> Size: ...

    @property
    def bands(self) -> int: ...

    @property
    def dtypes(self) -> tuple[str, ...]:
        """The type of each band."""
        ...

    @property
    def nodata(self) -> tuple[float | None, ...]:
        """The value of each band where there is no data."""
        ...

    @property
    def palette(self) -> NDArray[np.uint8] | None:
        """The colours of its palette, uint8 `[256, 3]`, if it has one."""
        ...

    @property
    def rows_of_a_block(self) -> int:
        """The rows that are decoded together."""
        ...

    def read_sampled(self, size_hw: Size) -> NDArray[Any]:
        """All bands of the whole file in about that size, to look at their values: `[B, H, W]`."""
        ...

    def read(self, bands: Sequence[int], region: Region) -> NDArray[Any]:
        """Some bands, from 1, of a region: `[B, H, W]`; raises DataError if the file is damaged there."""
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
        if not has_palette(self._dataset):
            return None
        colours = np.zeros((_PALETTE_SIZE, _COLOURS), dtype=np.uint8)
        for index, colour in self._dataset.colormap(1).items():
            colours[index] = colour[:_COLOURS]
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


def has_palette(dataset: "DatasetReader") -> bool:
    from rasterio.enums import ColorInterp

    return bool(dataset.colorinterp[0] == ColorInterp.palette)


def has_rasterio() -> bool:
    return importlib.util.find_spec("rasterio") is not None


def silence_georeferencing_warnings() -> None:
    """Silence rasterio's warning about images without a georeference, in the whole process."""
    from rasterio.errors import NotGeoreferencedWarning

    warnings.filterwarnings("ignore", category=NotGeoreferencedWarning)
