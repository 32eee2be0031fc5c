"""The pixels of an object as runs, of which any region is drawn without the rest of the image."""

from dataclasses import dataclass
from typing import Literal, Self

import numpy as np
from numpy.typing import NDArray

from seg.data.regions.region import Region, Size

Order = Literal["columns", "rows"]
"""Whether pixels are numbered down the columns or along the rows."""

MaskHW = NDArray[np.bool_]
Numbers = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class RunMask:
    """Runs of pixels, none of which leaves its line: a column or, in the order `rows`, a row.

    They are sorted, and no two overlap. Memory is that of the runs, whatever the size of the image.

    Attributes:
        lines: the column or row of each run.
        starts, ends: the first position of each run in its line, and the one behind its last.
    """

    order: Order
    lines: Numbers
    starts: Numbers
    ends: Numbers

    @classmethod
    def of_runs(cls, starts: Numbers, lengths: Numbers, size_hw: Size, order: Order) -> Self:
        """The mask of runs in an image of that size; pixels are numbered from 0, and runs may overlap."""
        long_line = size_hw[0] if order == "columns" else size_hw[1]
        starts, ends = _merge_runs_of_mask(starts, starts + lengths)
        first, last = starts // long_line, (ends - 1) // long_line
        pieces = last - first + 1
        line = np.repeat(first - np.cumsum(pieces) + pieces, pieces) + np.arange(pieces.sum())
        begins, stops = np.repeat(starts, pieces), np.repeat(ends, pieces)
        return cls(
            order,
            line,
            np.maximum(begins - line * long_line, 0),
            np.minimum(stops - line * long_line, long_line),
        )

    def minus(self, other: "RunMask", size_hw: Size) -> "RunMask":
        """The pixels that are not in another mask of the same image and order, such as its hole."""
        long_line = size_hw[0] if self.order == "columns" else size_hw[1]
        ends = [mask.lines * long_line + edge for mask in (self, other) for edge in (mask.starts, mask.ends)]
        steps = np.repeat([1, -1, -1, 1], [len(some) for some in ends])
        places, group = np.unique(np.concatenate(ends), return_inverse=True)
        change = np.zeros(len(places), dtype=np.int64)
        np.add.at(change, group, steps)
        # Inside this mask and outside the other the sum is 1; a hole outside it makes -1.
        covered = np.flatnonzero(np.cumsum(change)[:-1] == 1)
        return RunMask.of_runs(places[covered], places[covered + 1] - places[covered], size_hw, self.order)

    @property
    def area(self) -> int:
        """The number of its pixels."""
        return int((self.ends - self.starts).sum())

    @property
    def bounds(self) -> Region:
        """The smallest region that holds all its pixels."""
        if not len(self.lines):
            return Region(0, 0, 0, 0)
        first, last = int(self.lines[0]), int(self.lines[-1]) + 1
        start, end = int(self.starts.min()), int(self.ends.max())
        if self.order == "rows":
            return Region(first, start, last - first, end - start)
        return Region(start, first, end - start, last - first)

    def mask_in(self, region: Region) -> MaskHW:
        """Its pixels in a region, bool `[H, W]`."""
        by_rows = self.order == "rows"
        first, count = (region.top, region.height) if by_rows else (region.left, region.width)
        start, length = (region.left, region.width) if by_rows else (region.top, region.height)
        place = slice(*np.searchsorted(self.lines, [first, first + count]))
        begins = np.clip(self.starts[place] - start, 0, length)
        stops = np.clip(self.ends[place] - start, 0, length)
        lines = self.lines[place] - first
        steps = np.zeros((count, length + 1), dtype=np.int8)
        # Runs of a line may touch, so that one ends where another begins.
        np.add.at(steps, (lines, begins), 1)
        np.add.at(steps, (lines, stops), -1)
        inside: MaskHW = np.cumsum(steps[:, :length], axis=1, dtype=np.int8) > 0
        return inside if by_rows else np.ascontiguousarray(inside.T)


def _merge_runs_of_mask(starts: Numbers, ends: Numbers) -> tuple[Numbers, Numbers]:
    """Runs in order, without empty ones; those that overlap or touch as one."""
    kept = ends > starts
    order = np.argsort(starts[kept], kind="stable")
    starts, ends = starts[kept][order], ends[kept][order]
    if not len(starts):
        return starts, ends
    reach = np.maximum.accumulate(ends)
    is_first = np.concatenate(([True], starts[1:] > reach[:-1]))
    firsts = np.flatnonzero(is_first)
    return starts[firsts], reach[np.concatenate((firsts[1:], [len(starts)])) - 1]
