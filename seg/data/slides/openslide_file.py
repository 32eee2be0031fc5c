"""Slides in the formats of scanners (SVS, NDPI, MRXS and others), read by region through OpenSlide."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from seg.data.regions.region import Region, Size
from seg.distribution import install_advice
from seg.errors import DataError
from seg.files.image_suffixes import SLIDE_SUFFIXES
from seg.labels.label_map import ImageHWC

if TYPE_CHECKING:
    from openslide import OpenSlide

_BLOCK: Final = 256
"""The side of what is read at once of levels that are not a whole number of times smaller than the slide.

OpenSlide takes a place in pixels of the full resolution, which may lie between two pixels of such a level.
Blocks lie on a grid, so that a pixel never depends on what is asked for.
"""

_WHITE: Final = "FFFFFF"


class SlideFile:
    """One level of a slide, RGB of 8 bits; what the scanner left out has the background's colour."""

    bands: Final = 3
    dtypes: tuple[str, ...] = ("uint8",) * 3
    nodata: tuple[float | None, ...] = (None,) * 3
    rows_of_a_block: Final = _BLOCK
    palette: NDArray[np.uint8] | None = None

    def __init__(self, path: Path, level: int = 0) -> None:
        """Raises DataError: OpenSlide is not installed, or cannot read the file."""
        self._path = path
        self._slide = open_slide(path)
        self._level = level
        self.size_hw: Size = slide_level_sizes(self._slide)[level]
        colour = self._slide.properties.get("openslide.background-color", _WHITE)
        self._background = np.frombuffer(bytes.fromhex(colour), dtype=np.uint8)

    def read_sampled(self, size_hw: Size) -> NDArray[Any]:
        """All bands of the whole slide, shrunk to fit into that size: `[B, H, W]`."""
        with self._damage_named("in its thumbnail"):
            return np.asarray(self._slide.get_thumbnail(size_hw[::-1])).transpose(2, 0, 1)

    def read(self, bands: Sequence[int], region: Region) -> NDArray[Any]:
        """Some bands, from 1, of a region: `[B, H, W]`; raises DataError if the file is damaged there."""
        if self._slide.level_downsamples[self._level].is_integer():
            pixels_hwc = self._read_at_once(region)
        else:
            pixels_hwc = self._read_in_blocks(region)
        return pixels_hwc.transpose(2, 0, 1)[[band - 1 for band in bands]]

    def _read_in_blocks(self, region: Region) -> ImageHWC:
        pixels_hwc = np.empty((*region.size_hw, self.bands), dtype=np.uint8)
        first_row, first_column = (start // _BLOCK * _BLOCK for start in (region.top, region.left))
        for top, left in product(
            range(first_row, region.bottom, _BLOCK), range(first_column, region.right, _BLOCK)
        ):
            block = Region(top, left, _BLOCK, _BLOCK).intersection(Region.whole(self.size_hw))
            shown = block.intersection(region)
            block_hwc = self._read_at_once(block)
            pixels_hwc[shown.moved(-region.top, -region.left).slices] = block_hwc[
                shown.moved(-block.top, -block.left).slices
            ]
        return pixels_hwc

    def _read_at_once(self, region: Region) -> ImageHWC:
        finer = self._slide.level_downsamples[self._level]
        place = round(region.left * finer), round(region.top * finer)
        with self._damage_named(f"at row {region.top}, column {region.left}"):
            rgba_hwc = np.asarray(self._slide.read_region(place, self._level, (region.width, region.height)))
        return np.where(rgba_hwc[..., 3:] > 0, rgba_hwc[..., :3], self._background)

    @contextmanager
    def _damage_named(self, place: str) -> Iterator[None]:
        from openslide import OpenSlideError

        try:
            yield
        except OpenSlideError as error:
            raise DataError(f"{self._path}: is cut off or damaged {place}") from error


def is_slide(path: Path) -> bool:
    """Whether a file has the ending of a scanner's slides."""
    return path.suffix.lower() in SLIDE_SUFFIXES


def open_slide(path: Path) -> "OpenSlide":
    """Open a slide.

    Raises:
        DataError: OpenSlide is not installed, or cannot read the file.
    """
    try:
        import openslide
    except ImportError as error:
        raise DataError(f"{path}: slides are read by OpenSlide: {install_advice('slides')}") from error
    if not path.exists():
        raise DataError(f"{path}: there is no such file")
    try:
        return openslide.OpenSlide(path)
    except openslide.OpenSlideError as error:
        raise DataError(f"{path}: OpenSlide cannot read it: {str(error).splitlines()[0]}") from error


def slide_level_sizes(slide: "OpenSlide") -> tuple[Size, ...]:
    """Height and width of each level, the full resolution first."""
    return tuple((height, width) for width, height in slide.level_dimensions)
