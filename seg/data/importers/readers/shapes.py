"""Shapes of annotation tools as outlines or masks."""

import base64
import math
from collections.abc import Iterable, Sequence
from io import BytesIO
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from seg.data.coco.rasterise import MaskHW, rasterise_to_runs
from seg.data.images.image_header import damage_as_value_error
from seg.data.importers.base import Polygons
from seg.data.regions.run_mask import RunMask

_CORNERS: Final = 64
"""Of the polygon that stands for an ellipse."""

_LARGEST_PATCH: Final = 2**26

Points = Iterable[Sequence[float]]


def polygon_shape(points: Points) -> Polygons:
    """An outline of (x, y) pairs."""
    return [[float(value) for x, y, *_ in points for value in (x, y)]]


def rectangle_shape(left: float, top: float, right: float, bottom: float) -> Polygons:
    return polygon_shape([(left, top), (right, top), (right, bottom), (left, bottom)])


def ellipse_shape(x: float, y: float, across: float, down: float, degrees: float = 0.0) -> Polygons:
    """An ellipse by its centre and half axes, turned clockwise around the centre."""
    steps = [2 * math.pi * step / _CORNERS for step in range(_CORNERS)]
    return turned_shape(
        polygon_shape((x + across * math.cos(a), y + down * math.sin(a)) for a in steps), degrees, x, y
    )


def turned_shape(polygons: Polygons, degrees: float, x: float, y: float) -> Polygons:
    """Outlines turned clockwise around a point."""
    cos, sin = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    return [
        [
            value
            for px, py in zip(one[::2], one[1::2], strict=True)
            for value in (x + (px - x) * cos - (py - y) * sin, y + (px - x) * sin + (py - y) * cos)
        ]
        for one in polygons
    ]


def shape_with_holes(outer: Points, holes: Iterable[Points], size_hw: tuple[int, int]) -> Polygons | RunMask:
    """An outline, or the runs of one with holes, which COCO's polygons cannot have."""
    inner = [polygon_shape(hole) for hole in holes]
    if not inner:
        return polygon_shape(outer)
    runs = rasterise_to_runs(polygon_shape(outer), size_hw)
    for hole in inner:
        runs = runs.minus(rasterise_to_runs(hole, size_hw), size_hw)
    return runs


def mask_in_whole_image(patch_hw: MaskHW, left: int, top: int, size_hw: tuple[int, int]) -> MaskHW:
    """A mask of a part of an image, at its place in the whole; what leaves the image is cut off."""
    mask_hw = np.zeros(size_hw, dtype=np.bool_)
    rows, columns = slice(max(top, 0), top + patch_hw.shape[0]), slice(max(left, 0), left + patch_hw.shape[1])
    part_hw = mask_hw[rows, columns]
    part_hw[:] = patch_hw[max(-top, 0) :, max(-left, 0) :][: part_hw.shape[0], : part_hw.shape[1]]
    return mask_hw


def mask_of_base64(text: str) -> MaskHW:
    """The mask of an image in base64: its alpha channel if it has one, or else what is not 0.

    Raises:
        ValueError: it is no image.
    """
    return mask_of_png(base64.b64decode(text))


def _alpha_or_all_bands(data: bytes) -> NDArray[Any]:
    # Other formats are not written by these tools, and Pillow would start Ghostscript for one of them.
    with Image.open(BytesIO(data), formats=("PNG",)) as image:
        if image.width * image.height > _LARGEST_PATCH:
            raise ValueError(f"claims {image.width}x{image.height} pixels")
        return np.asarray(image.getchannel("A") if "A" in image.getbands() else image)


def mask_of_png(data: bytes) -> MaskHW:
    """The mask of a PNG, as `mask_of_base64` takes it; raises ValueError."""
    try:
        pixels = damage_as_value_error(lambda: _alpha_or_all_bands(data))
    except ValueError as error:
        raise ValueError(f"a mask {error}") from error
    return np.asarray(pixels.reshape(*pixels.shape[:2], -1).any(-1), dtype=np.bool_)
