"""Small files of the formats that slides come in, written by tifffile."""

from pathlib import Path
from typing import Any, Final

import cv2
import numpy as np
import tifffile
from numpy.typing import NDArray

from seg.data.images.band_file import silence_georeferencing_warnings

TILE: Final = 64
MICROMETRES: Final = 0.25
APERIO: Final = "Aperio Image Library v11.2.1\r\n{w}x{h} [0,0 {w}x{h}] (64x64) JPEG/RGB Q=95|MPP = 0.25"


def smooth_image(height: int, width: int, bands: int = 3, dtype: Any = np.uint8) -> NDArray[Any]:
    """An image without edges, so that JPEG keeps it."""
    rows, columns = np.mgrid[:height, :width]
    waves = [np.sin(rows / (9 + band)) + np.cos(columns / (7 + 2 * band)) for band in range(bands)]
    unit = (np.stack(waves, axis=-1) + 2) / 4
    return np.asarray(unit * np.iinfo(dtype).max, dtype=dtype)


def halved(image_hwb: NDArray[Any]) -> NDArray[Any]:
    """The level above, by OpenCV."""
    height, width = image_hwb.shape[:2]
    return cv2.resize(image_hwb, (width // 2, height // 2), interpolation=cv2.INTER_AREA)


def write_ome(path: Path, levels: list[NDArray[Any]], metadata: dict[str, Any] | None = None) -> None:
    """RGB levels as an OME-TIFF."""
    facts = {"axes": "YXS", "PhysicalSizeX": MICROMETRES, "PhysicalSizeXUnit": "µm", **(metadata or {})}
    options: dict[str, Any] = {"photometric": "rgb", "tile": (TILE, TILE), "compression": "deflate"}
    with tifffile.TiffWriter(path, ome=True) as file:
        file.write(levels[0], subifds=len(levels) - 1, metadata=facts, **options)
        for level in levels[1:]:
            file.write(level, subfiletype=1, **options)


def write_channels(path: Path, levels: list[NDArray[Any]]) -> None:
    """Levels of channels `[B, H, W]` as an OME-TIFF with a page for each channel."""
    facts = {"axes": "CYX", "PhysicalSizeX": 500, "PhysicalSizeXUnit": "nm"}
    options: dict[str, Any] = {"photometric": "minisblack", "tile": (TILE, TILE)}
    with tifffile.TiffWriter(path, ome=True) as file:
        file.write(levels[0], subifds=len(levels) - 1, metadata=facts, **options)
        for level in levels[1:]:
            file.write(level, subfiletype=1, **options)


def write_svs(path: Path, image_hwc: NDArray[np.uint8]) -> None:
    """An RGB image and a level of half its size as an Aperio slide, in tiles of JPEG."""
    import rasterio
    from rasterio.enums import Resampling

    silence_georeferencing_warnings()
    height, width, bands = image_hwc.shape
    layout = {"driver": "GTiff", "height": height, "width": width, "count": bands, "dtype": "uint8"}
    tiles = {"tiled": True, "blockxsize": TILE, "blockysize": TILE}
    jpeg = {"compress": "jpeg", "jpeg_quality": 98, "photometric": "ycbcr"}
    with rasterio.open(path, "w", **layout, **tiles, **jpeg) as file:
        file.update_tags(TIFFTAG_IMAGEDESCRIPTION=APERIO.format(h=height, w=width))
        file.write(image_hwc.transpose(2, 0, 1))
        file.build_overviews([2], Resampling.average)
