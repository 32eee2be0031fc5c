"""Tiled copies of large images and masks that cannot be read by region, such as PNG and JPEG.

A copy is made once, in `$XDG_CACHE_HOME/seg/tiled`, and named after the file's path, size and time of change.
A PNG is copied row by row. A JPEG is decoded whole, by the decoder of smaller ones, to the same pixels.
"""

import hashlib
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Self

import numpy as np
from numpy.typing import NDArray

from seg.data.regions.region import Size
from seg.errors import DataError, OutputError
from seg.files.atomic import atomic_path
from seg.labels.label_map import ImageHWC

if TYPE_CHECKING:
    from rasterio.io import DatasetReader

TILE: Final = 512
ROWS_AT_ONCE: Final = TILE


@dataclass(frozen=True, slots=True)
class CopiedBands:
    """What is copied: bands of rows from the top, `[B, rows, W]`, and the colours of a palette by index."""

    size_hw: Size
    count: int
    dtype: str
    rows: Iterator[NDArray[Any]]
    palette: dict[int, Any] | None = None
    nodata: float | None = None

    @classmethod
    def of_file(cls, path: Path, dataset: "DatasetReader", *, has_palette: bool) -> Self:
        """The bands of an opened file, read row by row."""
        height, width = dataset.height, dataset.width
        rows = (
            _read_rows_to_copy(path, dataset, top, min(ROWS_AT_ONCE, height - top))
            for top in range(0, height, ROWS_AT_ONCE)
        )
        palette = dataset.colormap(1) if has_palette else None
        return cls((height, width), dataset.count, dataset.dtypes[0], rows, palette, dataset.nodata)

    @classmethod
    def of_image(cls, image_hwc: ImageHWC) -> Self:
        """The bands of a decoded image."""
        height, width, count = image_hwc.shape
        rows = (
            np.ascontiguousarray(image_hwc[top : top + ROWS_AT_ONCE].transpose(2, 0, 1))
            for top in range(0, height, ROWS_AT_ONCE)
        )
        return cls((height, width), count, str(image_hwc.dtype), rows)


def existing_tiled_copy(path: Path) -> Path | None:
    """The tiled copy of a file as it is now, if it was made."""
    copy = _path_of_tiled_copy(path)
    return copy if copy.is_file() else None


def write_tiled_copy(path: Path, bands: CopiedBands) -> Path:
    """Write the tiled copy of a file.

    Raises:
        DataError: the file is truncated or damaged.
        OutputError: the cache cannot be written.
    """
    copy = _path_of_tiled_copy(path)
    try:
        copy.parent.mkdir(parents=True, exist_ok=True)
        with atomic_path(copy) as temporary:
            _write_tiles(bands, temporary)
    except (OSError, OutputError) as error:
        raise OutputError(
            f"{copy.parent}: a tiled copy of {path.name} cannot be written: {error}: set XDG_CACHE_HOME to a"
            " folder that can be written"
        ) from error
    return copy


def _read_rows_to_copy(path: Path, dataset: "DatasetReader", top: int, count: int) -> NDArray[Any]:
    import rasterio
    from rasterio.windows import Window

    try:
        return np.asarray(dataset.read(window=Window(0, top, dataset.width, count)))
    except rasterio.errors.RasterioError as error:
        raise DataError(f"{path}: is cut off or damaged below row {top}") from error


def _write_tiles(bands: CopiedBands, target: Path) -> None:
    import rasterio
    from rasterio.windows import Window

    height, width = bands.size_hw
    profile = {
        "driver": "GTiff",
        "width": width,
        "height": height,
        "count": bands.count,
        "dtype": bands.dtype,
        "tiled": True,
        "blockxsize": TILE,
        "blockysize": TILE,
        "compress": "deflate",
        "zlevel": 1,
        "bigtiff": "if_safer",
        "photometric": "palette" if bands.palette else "rgb" if bands.count >= 3 else "minisblack",
        "alpha": "yes" if bands.count in {2, 4} else "no",
        "nodata": bands.nodata,
    }
    with rasterio.open(target, "w", **profile) as copy:
        if bands.palette:
            copy.write_colormap(1, bands.palette)
        top = 0
        for rows_bhw in bands.rows:
            copy.write(rows_bhw, window=Window(0, top, width, rows_bhw.shape[1]))
            top += rows_bhw.shape[1]


def _path_of_tiled_copy(path: Path) -> Path:
    found = path.stat()
    facts = (str(path.absolute()), found.st_size, found.st_mtime_ns)
    name = hashlib.blake2b(repr(facts).encode(), digest_size=12).hexdigest()
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return cache / "seg" / "tiled" / f"{name}.tif"
