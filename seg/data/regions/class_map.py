"""Class maps: pixels of each class in the cells of a coarse grid over an image, to draw crops from."""

from dataclasses import dataclass
from itertools import product
from typing import Final

import numpy as np
from numpy.typing import NDArray

from seg.data.regions.label_raster import LabelRaster, size_of_labels
from seg.data.regions.region import Region
from seg.labels.task import LabelMap, Task, classes_overlap, masks_of

CELL: Final = 64
"""The side of a cell."""

_AT_ONCE: Final = 32 * CELL
"""The side of the regions that are counted at once."""


@dataclass(frozen=True, slots=True)
class ClassMap:
    """Pixel counts by class and cell, uint16 `[C, rows, columns]`; a cell has `CELL` pixels a side.

    Where classes overlap, pixels of no class come last, as one class more.
    """

    counts_chw: NDArray[np.uint16]

    @classmethod
    def of(cls, labels: LabelRaster, task: Task, classes: int) -> "ClassMap":
        """Count a label map region by region; ignored pixels are of no class."""
        height, width = size_of_labels(labels)
        counted = classes + classes_overlap(task)
        counts_chw = np.zeros((counted, -(-height // CELL), -(-width // CELL)), dtype=np.uint16)
        for top, left in product(range(0, height, _AT_ONCE), range(0, width, _AT_ONCE)):
            part = Region(top, left, _AT_ONCE, _AT_ONCE).intersection(Region.whole((height, width)))
            cells_chw = _count_class_map_cells(labels[part.slices], task, classes)
            _, rows, columns = cells_chw.shape
            counts_chw[:, top // CELL :, left // CELL :][:, :rows, :columns] = cells_chw
        return cls(counts_chw)

    @property
    def counts_c(self) -> NDArray[np.int64]:
        """The pixels of each class in the image, in the order of the counts."""
        counts: NDArray[np.int64] = self.counts_chw.sum(axis=(1, 2), dtype=np.int64)
        return counts


def _count_class_map_cells(labels_hw: LabelMap, task: Task, classes: int) -> NDArray[np.int64]:
    """Counts of each class in the cells of a part, int64 `[C, rows, columns]`."""
    height, width = labels_hw.shape
    rows, columns = -(-height // CELL), -(-width // CELL)
    cell_hw = (np.arange(height) // CELL * columns)[:, None] + np.arange(width) // CELL
    if classes_overlap(task):
        masks_chw = [*masks_of(labels_hw, task, classes), labels_hw == 0]
        counts_cp = [np.bincount(cell_hw[mask_hw], minlength=rows * columns) for mask_hw in masks_chw]
        return np.reshape(counts_cp, (classes + 1, rows, columns))
    known = labels_hw < classes
    place = labels_hw[known].astype(np.int64) * (rows * columns) + cell_hw[known]
    counts: NDArray[np.int64] = np.bincount(place, minlength=classes * rows * columns)
    return counts.reshape(classes, rows, columns)
