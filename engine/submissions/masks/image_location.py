"""Where an image lies, and how large its pixels are."""

from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from seg.data.images.pixel_size import pixel_size_of
from seg.data.images.pyramid import TIFF_SUFFIXES, open_tiff_level
from seg.engine.passes.passes import Size
from seg.errors import DataError


@dataclass(frozen=True, slots=True)
class ImageLocation:
    """Where an image lies.

    Attributes:
        transform: from columns and rows of pixels to x and y; None if they are the same.
        crs: the name of the coordinate system, if it has one.
        pixel_area, area_name: the area of a pixel, and what it is called with its unit.
        pixels: how many pixels of the full resolution a pixel covers.
    """

    transform: Any = None
    crs: str = ""
    pixel_area: float = 0.0
    area_name: str = ""
    pixels: float = 1.0

    def in_size(self, size_hw: Size, full_hw: Size) -> "ImageLocation":
        """The same location of an image of another size than its full one."""
        from rasterio.transform import Affine

        across, down = full_hw[1] / size_hw[1], full_hw[0] / size_hw[0]
        transform = (self.transform or Affine.identity()) @ Affine.scale(across, down)
        return replace(
            self, transform=transform, pixel_area=self.pixel_area * across * down, pixels=across * down
        )


def location_of_image(image: str) -> ImageLocation:
    """Where an image lies, and how large its pixels are, in m² or µm², as far as its file says it."""
    location = ImageLocation()
    with suppress(DataError):  # The image may be somewhere else by now; its outlines are in pixels then.
        location = _tiff_location(image)
        pixel = pixel_size_of(Path(image))
        if pixel is not None:
            area = pixel.height * pixel.width
            location = replace(location, pixel_area=area, area_name=f"area_{pixel.unit}2")
    return location


def _tiff_location(image: str) -> ImageLocation:
    """A TIFF's location on a map, if it has one."""
    if Path(image).suffix.lower() in TIFF_SUFFIXES:
        with open_tiff_level(image) as dataset:
            if dataset.crs is not None and not dataset.transform.is_identity:
                return ImageLocation(dataset.transform, dataset.crs.to_string())
    return ImageLocation()
