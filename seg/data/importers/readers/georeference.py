"""Coordinates on Earth as pixels of a georeferenced image."""

from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

from seg.data.images.band_file import has_rasterio, silence_georeferencing_warnings
from seg.data.images.pyramid import TIFF_SUFFIXES

_WGS84 = "EPSG:4326"

Ring = Sequence[Sequence[float]]


def ring_in_pixels(ring: Ring, image: Path, crs: str | None, size_hw: tuple[int, int]) -> Ring:
    """A ring in pixels: as it is, unless the image is georeferenced and no point of the ring is in it.

    Raises:
        ValueError: its coordinates cannot be brought to those of the image.
    """
    place = (
        _georeference_of_image(image) if has_rasterio() and image.suffix.lower() in TIFF_SUFFIXES else None
    )
    if place is None or (
        crs is None and any(0 <= x <= size_hw[1] and 0 <= y <= size_hw[0] for x, y, *_ in ring)
    ):
        return ring
    from rasterio._err import CPLE_BaseError
    from rasterio.errors import RasterioError
    from rasterio.warp import transform

    image_crs, affine = place
    try:
        xs, ys = [point[0] for point in ring], [point[1] for point in ring]
        if image_crs is not None:
            xs, ys = transform(crs or _WGS84, image_crs, xs, ys)[:2]
    except (RasterioError, CPLE_BaseError) as error:
        raise ValueError(f"coordinates cannot be brought to {image_crs}: {error}") from error
    inverse = ~affine
    return [
        (inverse.a * x + inverse.b * y + inverse.c, inverse.d * x + inverse.e * y + inverse.f)
        for x, y in zip(xs, ys, strict=True)
    ]


@lru_cache(maxsize=8)
def _georeference_of_image(image: Path) -> tuple[Any, Any] | None:
    """The coordinate system and transform of an image; None if it is not georeferenced."""
    import rasterio

    silence_georeferencing_warnings()
    with rasterio.open(image) as dataset:
        return None if dataset.transform.is_identity else (dataset.crs, dataset.transform)
