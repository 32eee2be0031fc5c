"""Pyramids of tiles, in the layout of Deep Zoom: `LEVEL/COLUMN_ROW`, each level of half the sides below it.

They are made from rows of the full resolution, top to bottom, so that memory is that of some rows of tiles.
Source: Microsoft's Deep Zoom file format, as OpenSeadragon reads it.
"""

import math
from collections.abc import Callable
from itertools import product
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

TILE: Final = 512
"""The side of a tile."""

SaveTile = Callable[[int, int, int, NDArray[Any]], None]
"""Writes a tile: its level, column and row, and its pixels `[H, W, C]`."""


class TilePyramid:
    """Takes rows of an image, uint8 `[rows, W, C]`, and saves the tiles of all levels."""

    def __init__(self, size_hw: tuple[int, int], save: SaveTile) -> None:
        self.levels = last_pyramid_level(size_hw)
        self._level = _Level(self.levels, size_hw, save)

    def add(self, rows_hwc: NDArray[np.uint8]) -> None:
        """Add the next rows; with the last ones, all tiles are saved."""
        self._level.add(rows_hwc)


class _Level:
    """Rows of one level that are not saved yet."""

    def __init__(self, number: int, size_hw: tuple[int, int], save: SaveTile) -> None:
        self._number = number
        self._height = size_hw[0]
        self._save = save
        self._rows: list[NDArray[np.uint8]] = []
        self._saved = 0
        above_hw = -(-size_hw[0] // 2), -(-size_hw[1] // 2)
        self._above = _Level(number - 1, above_hw, save) if max(size_hw) > TILE else None

    def add(self, rows_hwc: NDArray[np.uint8]) -> None:
        self._rows.append(rows_hwc)
        while (waiting := sum(map(len, self._rows))) and waiting >= min(TILE, self._height - self._saved):
            rows_hwc = np.concatenate(self._rows)
            self._rows = [rows_hwc[TILE:]]
            self._save_row(rows_hwc[:TILE])

    def _save_row(self, rows_hwc: NDArray[np.uint8]) -> None:
        for left in range(0, rows_hwc.shape[1], TILE):
            self._save(self._number, left // TILE, self._saved // TILE, rows_hwc[:, left : left + TILE])
        self._saved += len(rows_hwc)
        if self._above is not None:
            self._above.add(halve_image(rows_hwc))


def last_pyramid_level(size_hw: tuple[int, int]) -> int:
    """The level of the full resolution; at level 0 the image has one pixel."""
    return math.ceil(math.log2(max(size_hw)))


def first_pyramid_level(size_hw: tuple[int, int]) -> int:
    """The level whose image fits into one tile, the first that is saved."""
    return last_pyramid_level(size_hw) - max(0, math.ceil(math.log2(max(size_hw) / TILE)))


def halve_image(image_hwc: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Half the sides, rounded up; each pixel is the mean of the up to four that it covers."""
    even_hwc = np.pad(image_hwc, [(0, image_hwc.shape[0] % 2), (0, image_hwc.shape[1] % 2), (0, 0)], "edge")
    height, width, channels = even_hwc.shape
    sums_hwc = np.full((height // 2, width // 2, channels), 2, dtype=np.uint16)  # 2, to round.
    for row, column in product((0, 1), repeat=2):
        sums_hwc += even_hwc[row::2, column::2]
    return np.asarray(sums_hwc // 4, dtype=np.uint8)
