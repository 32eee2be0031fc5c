"""The size of a pixel, by the metadata of an image's file."""

import math
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal

from seg.data.images.band_file import has_rasterio
from seg.data.images.pyramid import TIFF_SUFFIXES, open_tiff_level, read_ome
from seg.data.slides.ome_tiff import is_ome
from seg.data.slides.openslide_file import is_slide, open_slide

_MICROMETRES: Final = {"2": 25_400.0, "3": 10_000.0}
"""Of the units that a TIFF's resolution is given in: inches and centimetres."""

_LARGEST: Final = 20.0
"""Micrometres of a pixel by a TIFF's tags, at most: scanners have 0.1 to 4; 72 dots an inch mean nothing."""

_APERIO: Final = re.compile(r"\|\s*MPP\s*=\s*([0-9.]+)")
"""The micrometres of a pixel in the description of an Aperio slide that was saved as a TIFF."""


@dataclass(frozen=True, slots=True)
class PixelSize:
    """Height and width of a pixel, in micrometres (`um`) or, on a map, in metres (`m`)."""

    height: float
    width: float
    unit: Literal["um", "m"]


def pixel_size_of(path: Path) -> PixelSize | None:
    """The size of a pixel at the full resolution; None if the file does not say it.

    It is in metres for a georeferenced TIFF whose coordinates are lengths, else in micrometres: by OpenSlide
    for slides, PhysicalSizeX and PhysicalSizeY of OME-TIFFs, MPP of Aperio, or a TIFF's tags of resolution.

    Raises:
        DataError: the file cannot be read.
    """
    if is_slide(path):
        properties = open_slide(path).properties
        return _size_in_micrometres(properties.get("openslide.mpp-y"), properties.get("openslide.mpp-x"))
    if path.suffix.lower() not in TIFF_SUFFIXES or not has_rasterio():
        return None
    if is_ome(path) and (pixel_hw := read_ome(path).pixel_hw):
        return _size_in_micrometres(*pixel_hw)
    with open_tiff_level(path) as dataset:
        transform, crs, tags = dataset.transform, dataset.crs, dataset.tags()
    if crs is not None and not transform.is_identity:
        return _size_in_metres(transform, crs)
    if found := _APERIO.search(tags.get("TIFFTAG_IMAGEDESCRIPTION", "")):
        return _size_in_micrometres(found[1], found[1])
    unit = _MICROMETRES.get(tags.get("TIFFTAG_RESOLUTIONUNIT", "")[:1], 0.0)
    pixels = [float(tags.get(f"TIFFTAG_{axis}RESOLUTION", 0) or 0) for axis in ("Y", "X")]
    down, across = (unit / one if one > 0 else 0.0 for one in pixels)
    return _size_in_micrometres(down, across) if max(down, across) <= _LARGEST else None


def _size_in_metres(transform: Any, crs: Any) -> PixelSize | None:
    if not crs.is_projected:
        return None
    metres = crs.linear_units_factor[1]
    across, down = ((one[0] ** 2 + one[1] ** 2) ** 0.5 * metres for one in _sides_of_pixel(transform))
    return PixelSize(down, across, "m")


def _sides_of_pixel(transform: Any) -> tuple[tuple[float, float], tuple[float, float]]:
    """The vectors along the upper and the left side of a pixel."""
    return (transform.a, transform.d), (transform.b, transform.e)


def _size_in_micrometres(height: Any, width: Any) -> PixelSize | None:
    try:
        sides = float(height), float(width)
    except (TypeError, ValueError):
        return None
    return PixelSize(*sides, "um") if all(0 < side < math.inf for side in sides) else None
