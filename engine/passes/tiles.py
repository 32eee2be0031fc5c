"""Tiling: large images cut into overlapping tiles, and probabilities blended back, strip by strip.

Blending weights are a gaussian around the tile's middle with a sigma of an eighth of its side, as in nnU-Net
(Isensee et al., 2021), or uniform. They are separable and normalised beforehand, so that every pixel's
weights sum to 1 and a row is final as soon as the last tile over it is added.
"""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from seg.data.images.raster import Raster
from seg.engine.passes.device_values import Merged, merged_on_host
from seg.engine.passes.passes import Size
from seg.image_type import ImageHWB
from seg.labels.label_map import ProbabilitiesCHW
from seg.spec.ensemble.prediction import Blend, TileSpec

SIGMA: Final = 1 / 8
"""The gaussian's standard deviation, as a share of the tile's side."""

Weights = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class TiledSide:
    """Tiles along one side of an image: where each starts, and its weights, float32 `[length]`."""

    extent: int
    length: int
    starts: tuple[int, ...]
    weights: tuple[Weights, ...]


@dataclass(frozen=True, slots=True)
class TileLayout:
    """The tiles of one image, all of one size, row by row."""

    rows: TiledSide
    columns: TiledSide

    @property
    def tile_hw(self) -> Size:
        return self.rows.length, self.columns.length

    @property
    def count(self) -> int:
        """The number of tiles; a single tile is the whole image."""
        return len(self.rows.starts) * len(self.columns.starts)

    def cut(self, image_hwc: Raster, numbers: range | None = None) -> Iterator[ImageHWB]:
        """The tiles of these numbers, by default all, as numpy views of an image in memory."""
        return (
            self.tile(image_hwc, number) for number in (range(self.count) if numbers is None else numbers)
        )

    def tiles_over(self, rows: range) -> range:
        """The numbers of the tiles that are over some rows of the image."""
        above = sum(start + self.rows.length <= rows.start for start in self.rows.starts)
        until = sum(start < rows.stop for start in self.rows.starts)
        return range(above * len(self.columns.starts), until * len(self.columns.starts))

    def tile(self, image_hwc: Raster, number: int) -> ImageHWB:
        """The tile of that number, from 0."""
        row, column = divmod(number, len(self.columns.starts))
        top, left = self.rows.starts[row], self.columns.starts[column]
        return image_hwc[top : top + self.rows.length, left : left + self.columns.length]


def lay_out_tiles(size_hw: Size, spec: TileSpec | None) -> TileLayout:
    """Evenly spaced tiles for an image of that size; without a spec, one tile that is the image."""
    if spec is None:
        return TileLayout(
            _tiles_along_side(size_hw[0], size_hw[0], 0, "uniform"),
            _tiles_along_side(size_hw[1], size_hw[1], 0, "uniform"),
        )
    return TileLayout(
        *(
            _tiles_along_side(extent, min(length, extent), spec.overlap, spec.blend)
            for extent, length in zip(size_hw, spec.size, strict=True)
        )
    )


def _tiles_along_side(extent: int, length: int, overlap: float, blend: Blend) -> TiledSide:
    longest_step = max(1, math.floor(length * (1 - overlap)))
    steps = math.ceil((extent - length) / longest_step)
    starts = tuple(round(step * (extent - length) / max(steps, 1)) for step in range(steps + 1))
    window = _blending_window(length, blend)
    total = np.zeros(extent)
    for start in starts:
        total[start : start + length] += window
    weights = tuple((window / total[start : start + length]).astype(np.float32) for start in starts)
    return TiledSide(extent, length, starts, weights)


def _blending_window(length: int, blend: Blend) -> NDArray[np.float64]:
    if blend == "uniform":
        return np.ones(length)
    from_middle = (np.arange(length) - (length - 1) / 2) / (SIGMA * length)
    window: NDArray[np.float64] = np.exp(-0.5 * from_middle**2)
    return window


class TileBlender:
    """Averages tiles where they overlap, and emits each row of the image once, when it is final.

    Holds as many rows as a tile has. `emit` is given strips, float32 `[C, rows, W]`, from the top, and does
    not keep them. A tile that is the whole image is passed on without a copy.

    With a `first_row`, rows above it are not emitted, and tiles begin with the first that is over it: the
    others are the same to the last bit, as the same tiles are added in the same order.
    """

    def __init__(self, layout: TileLayout, emit: Callable[[Merged], None], first_row: int = 0) -> None:
        self._layout = layout
        self._emit = emit
        self._first_row = first_row
        self._strip_chw: ProbabilitiesCHW | None = None

    def add(self, number: int, merged: Merged) -> None:
        """Add the next tile, in the order of `TileLayout.cut`."""
        if self._layout.count == 1:
            self._emit(merged)
            return
        tile_chw = merged_on_host(merged)
        rows, columns = self._layout.rows, self._layout.columns
        row, column = divmod(number, len(columns.starts))
        if self._strip_chw is None:
            self._strip_chw = np.zeros((len(tile_chw), rows.length, columns.extent), dtype=np.float32)
        left = columns.starts[column]
        weights_hw = np.outer(rows.weights[row], columns.weights[column])
        for plane_hw, strip_hw in zip(tile_chw, self._strip_chw, strict=True):
            strip_hw[:, left : left + columns.length] += plane_hw * weights_hw
        if column == len(columns.starts) - 1:
            self._emit_final_rows(row, self._strip_chw)

    def _emit_final_rows(self, row: int, strip_chw: ProbabilitiesCHW) -> None:
        """Emit the rows above the next row of tiles; the others become the top of the next strip."""
        ends = (*self._layout.rows.starts[1:], self._layout.rows.extent)
        top = self._layout.rows.starts[row]
        final = ends[row] - top
        known = max(0, self._first_row - top)
        if known < final:
            self._emit(strip_chw[:, known:final])
        for plane_hw in strip_chw:
            plane_hw[: len(plane_hw) - final] = plane_hw[final:]
            plane_hw[len(plane_hw) - final :] = 0
