"""Images at a chosen resolution or level: the nearest level of their file that is not coarser, resampled."""

import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np

from seg.data.images.pixel_size import pixel_size_of
from seg.data.images.raster import Raster
from seg.data.regions.area_resampling import covered_span, resample_by_area, resampled_rows_at_once
from seg.data.regions.region import Region, Size
from seg.errors import DataError
from seg.image_type import ImageHWB
from seg.read_scale import ReadScale
from seg.terminal.words import pluralise

_SAME: Final = 0.01
"""A level of nearly the wanted size is read as it is: 0.2520 micrometres instead of 0.25."""

_MOST_ENLARGED: Final = 2.0

_LEAST_SIDE: Final = 8
"""An image whose longer side would have fewer pixels has another unit than its `resolution`."""


class ScaledImage:
    """An image whose pixels are the means of what they cover in a finer one, computed by region."""

    def __init__(self, finer: Raster, size_hw: Size) -> None:
        self._finer = finer
        self.shape = (*size_hw, finer.shape[2])

    @property
    def dtype(self) -> np.dtype[Any]:
        return self._finer.dtype

    @property
    def nbytes(self) -> int:
        """The memory of the finer image."""
        return self._finer.nbytes

    def __getitem__(self, place: tuple[slice, slice], /) -> ImageHWB:
        """The pixels of some rows and columns; raises DataError as the finer image."""
        height, width, bands = self.shape
        region = Region.of_slices(place, (height, width))
        pixels_hwb = np.empty((*region.size_hw, bands), dtype=self.dtype)
        step = resampled_rows_at_once(region, (height, width), self._finer_hw)
        for top in range(region.top, region.bottom, step):
            rows = Region(top, region.left, step, region.width).intersection(region)
            pixels_hwb[rows.moved(-region.top, -region.left).slices] = self._resampled(rows)
        return pixels_hwb

    def _resampled(self, region: Region) -> ImageHWB:
        size_hw, of_hw = (self.shape[0], self.shape[1]), self._finer_hw
        top, bottom = covered_span(region.top, region.bottom, size_hw[0], of_hw[0])
        left, right = covered_span(region.left, region.right, size_hw[1], of_hw[1])
        source = Region(top, left, bottom - top, right - left)
        return resample_by_area(self._finer[source.slices], source, region, size_hw, of_hw)

    @property
    def _finer_hw(self) -> Size:
        return self._finer.shape[0], self._finer.shape[1]


def open_scaled_image(
    path: Path, scale: ReadScale, levels: Sequence[Size], open_level: Callable[[int], Raster]
) -> Raster:
    """Open an image at a scale.

    Args:
        levels: the size of each level, the full resolution first.
        open_level: opens a level of the file.

    Raises:
        DataError: as `size_at_scale`, and what `open_level` raises.
    """
    size_hw = size_at_scale(path, scale, levels)
    level = max(number for number, one in enumerate(levels) if number == 0 or _is_finer_level(one, size_hw))
    image = open_level(level)
    return image if image.shape[:2] == size_hw else ScaledImage(image, size_hw)


def size_at_scale(path: Path, scale: ReadScale, levels: Sequence[Size]) -> Size:
    """Height and width of an image at a scale; `levels` as for `open_scaled_image`.

    Raises:
        DataError: the file does not say how large its pixels are, they are much larger than the resolution,
            hardly a pixel of it would be left, or it has no such level.
    """
    if scale.level is not None:
        if scale.level >= len(levels):
            raise DataError(
                f"{path}: has {pluralise(len(levels), 'level')}, counted from 0, and 'level: {scale.level}'"
                " is wanted: choose another level, or a 'resolution'"
            )
        return levels[scale.level]
    height, width = (
        max(1, round(side / factor))
        for side, factor in zip(levels[0], _scale_factors(path, scale), strict=True)
    )
    if max(height, width) < _LEAST_SIDE <= max(levels[0]):
        raise DataError(
            f"{path}: has {levels[0][0]}x{levels[0][1]} pixels, of which {height}x{width} would be left at"
            f" 'resolution: {scale.resolution:g}': is it in the unit of the file's pixels?"
        )
    near = (one for one in levels if _is_same_side(one[0], height) and _is_same_side(one[1], width))
    return next(near, (height, width))


def _scale_factors(path: Path, scale: ReadScale) -> tuple[float, float]:
    """How many pixels of the full resolution one of the wanted covers, down and across."""
    assert scale.resolution is not None
    if scale.pixel_size is not None:
        factor = scale.resolution / scale.pixel_size
        factors, unit = (factor, factor), ""
    elif found := pixel_size_of(path):
        factors = scale.resolution / found.height, scale.resolution / found.width
        unit = " m" if found.unit == "m" else " µm"
    else:
        raise DataError(
            f"{path}: does not say how large its pixels are, and 'resolution: {scale.resolution:g}' is"
            " wanted: add 'pixel_size', the side of a pixel in the same unit, to the dataset"
        )
    if min(factors) < 1 / _MOST_ENLARGED:
        side = scale.resolution / min(factors)
        raise DataError(
            f"{path}: has pixels of {side:g}{unit}, and 'resolution: {scale.resolution:g}' is much finer:"
            f" {side:g} is the finest there is"
        )
    return factors


def _is_same_side(side: int, wanted: int) -> bool:
    return math.isclose(side, wanted, rel_tol=_SAME, abs_tol=1)


def _is_finer_level(size_hw: Size, than_hw: Size) -> bool:
    return size_hw[0] >= than_hw[0] and size_hw[1] >= than_hw[1]
