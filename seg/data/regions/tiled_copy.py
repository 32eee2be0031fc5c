"""Tiled copies of large images and masks that cannot be read by region, such as PNG and JPEG.

A copy is made once, row by row, in `$XDG_CACHE_HOME/seg/tiled`, and named after the file's path, size and
time of change.
"""

import hashlib
import os
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Final

from seg.errors import DataError, OutputError
from seg.files import atomic_path

if TYPE_CHECKING:
    from rasterio.io import DatasetReader

TILE: Final = 512
ROWS_AT_ONCE: Final = TILE


def tiled_copy(path: Path, dataset: "DatasetReader") -> Path:
    """The tiled copy of an opened image, made now if there is none.

    Raises:
        DataError: the image is truncated or damaged.
        OutputError: the cache cannot be written.
    """
    import rasterio

    copy = _cache_folder() / f"{_key(path)}.tif"
    if copy.is_file():
        return copy
    try:
        copy.parent.mkdir(parents=True, exist_ok=True)
        with atomic_path(copy) as temporary:
            _write(dataset, temporary)
    except rasterio.errors.RasterioError as error:
        raise DataError(f"{path}: is cut off or damaged") from error
    except OSError as error:
        raise OutputError(
            f"{copy.parent}: a tiled copy of {path.name} cannot be written: {error.strerror}: set"
            " XDG_CACHE_HOME to a folder that can be written"
        ) from error
    return copy


def _write(dataset: "DatasetReader", target: Path) -> None:
    import rasterio
    from rasterio.enums import ColorInterp
    from rasterio.windows import Window

    profile = {
        "driver": "GTiff",
        "width": dataset.width,
        "height": dataset.height,
        "count": dataset.count,
        "dtype": dataset.dtypes[0],
        "tiled": True,
        "blockxsize": TILE,
        "blockysize": TILE,
        "compress": "deflate",
        "zlevel": 1,
        "bigtiff": "if_safer",
        **({"photometric": "palette"} if dataset.colorinterp[0] == ColorInterp.palette else {}),
    }
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", rasterio.errors.NotGeoreferencedWarning)
        with (
            rasterio.Env(GDAL_ALLOW_LARGE_LIBJPEG_MEM_ALLOC=True),
            rasterio.open(target, "w", **profile) as copy,
        ):
            if dataset.colorinterp[0] == ColorInterp.palette:
                copy.write_colormap(1, dataset.colormap(1))
            else:
                copy.colorinterp = dataset.colorinterp
            for top in range(0, dataset.height, ROWS_AT_ONCE):
                rows = Window(0, top, dataset.width, min(ROWS_AT_ONCE, dataset.height - top))
                copy.write(dataset.read(window=rows), window=rows)


def _key(path: Path) -> str:
    found = path.stat()
    facts = (str(path.absolute()), found.st_size, found.st_mtime_ns)
    return hashlib.blake2b(repr(facts).encode(), digest_size=12).hexdigest()


def _cache_folder() -> Path:
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "seg" / "tiled"
