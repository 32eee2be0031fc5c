"""Label maps by region: an array in memory, or labels that are read or drawn where they are asked for."""

from collections.abc import Iterator
from typing import Final, Protocol

import numpy as np
from numpy.typing import NDArray

from seg.data.regions.region import Region, grid
from seg.labels.label_map import LabelsHW

AT_ONCE: Final = 2048
"""The side of the regions in which a whole label map is gone through."""


class LabelRaster(Protocol):
    """A label map to take regions of; every label map in memory is one."""

    @property
    def shape(self) -> tuple[int, ...]: ...

    def __getitem__(self, place: tuple[slice, slice], /) -> LabelsHW:
        """The labels of some rows and columns."""
        ...


class LabelsWithout:
    """A label map in which some regions have the ignore index."""

    def __init__(self, labels: LabelRaster, hidden: tuple[Region, ...], ignored: int) -> None:
        self._labels = labels
        self._hidden = hidden
        self._ignored = ignored

    @property
    def shape(self) -> tuple[int, ...]:
        return self._labels.shape

    def __getitem__(self, place: tuple[slice, slice], /) -> LabelsHW:
        region = Region.of_slices(place, size_of(self._labels))
        labels_hw = np.array(self._labels[region.slices])
        for hidden in self._hidden:
            covered = hidden.intersection(region)
            labels_hw[covered.moved(-region.top, -region.left).slices] = self._ignored
        return labels_hw


def size_of(labels: LabelRaster) -> tuple[int, int]:
    """Height and width of a label map."""
    height, width = labels.shape[:2]
    return height, width


def parts_of(labels: LabelRaster) -> Iterator[LabelsHW]:
    """A label map in parts that fit into memory: an array as a whole, other maps region by region."""
    if isinstance(labels, np.ndarray):
        yield labels
        return
    for region in grid(size_of(labels), (AT_ONCE, AT_ONCE)):
        yield labels[region.slices]


def count_labels(labels: LabelRaster, classes: int) -> NDArray[np.int64]:
    """The pixels of each class, int64 `[C]`; others, such as ignored ones, are not counted."""
    counts_c = np.zeros(classes, dtype=np.int64)
    for part_hw in parts_of(labels):
        counts_c += np.bincount(part_hw.ravel(), minlength=classes)[:classes]
    return counts_c
