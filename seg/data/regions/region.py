"""Regions: rectangles of an image, in pixels."""

import math
from dataclasses import dataclass
from itertools import pairwise, product

Size = tuple[int, int]
"""Height and width."""


@dataclass(frozen=True, slots=True, order=True)
class Region:
    """The rows `top` to `top + height` and the columns `left` to `left + width` of an image."""

    top: int
    left: int
    height: int
    width: int

    @classmethod
    def whole(cls, size_hw: Size) -> "Region":
        """All pixels of an image of that size."""
        return cls(0, 0, *size_hw)

    @classmethod
    def of_slices(cls, place: tuple[slice, slice], size_hw: Size) -> "Region":
        """What slices of rows and columns, as of an array, take of an image of that size."""
        (top, bottom, _), (left, right, _) = (
            one.indices(extent) for one, extent in zip(place, size_hw, strict=True)
        )
        return cls(top, left, max(0, bottom - top), max(0, right - left))

    @property
    def bottom(self) -> int:
        return self.top + self.height

    @property
    def right(self) -> int:
        return self.left + self.width

    @property
    def size_hw(self) -> Size:
        return self.height, self.width

    @property
    def pixels(self) -> int:
        return self.height * self.width

    @property
    def slices(self) -> tuple[slice, slice]:
        """Its rows and columns, to index an image or a label map."""
        return slice(self.top, self.bottom), slice(self.left, self.right)

    def intersection(self, other: "Region") -> "Region":
        """The pixels of both; without a row or a column if there are none."""
        top, left = max(self.top, other.top), max(self.left, other.left)
        height, width = min(self.bottom, other.bottom) - top, min(self.right, other.right) - left
        return Region(top, left, max(0, height), max(0, width))

    def moved(self, down: int, right: int) -> "Region":
        """The same rectangle elsewhere, such as in an image of which this one is a part."""
        return Region(self.top + down, self.left + right, self.height, self.width)

    def grown(self, margin: int, size_hw: Size) -> "Region":
        """With so many more pixels on each side, as far as an image of that size has them."""
        larger = Region(
            self.top - margin, self.left - margin, self.height + 2 * margin, self.width + 2 * margin
        )
        return larger.intersection(Region.whole(size_hw))


def grid_of_regions(size_hw: Size, side_hw: Size) -> list[Region]:
    """An image of that size in regions side by side, row by row, nearly equal and at most `side_hw`."""
    rows, columns = (
        list(pairwise(_edges_of_grid(extent, side))) for extent, side in zip(size_hw, side_hw, strict=True)
    )
    return [
        Region(top, left, bottom - top, right - left)
        for (top, bottom), (left, right) in product(rows, columns)
    ]


def cut_region(region: Region, side_hw: Size) -> list[Region]:
    """A region in smaller ones, as `grid_of_regions`."""
    return [part.moved(region.top, region.left) for part in grid_of_regions(region.size_hw, side_hw)]


def _edges_of_grid(extent: int, side: int) -> list[int]:
    parts = max(1, math.ceil(extent / side))
    return [extent * part // parts for part in range(parts + 1)]
