"""Label maps by region: an array in memory, or labels that are read or drawn where they are asked for."""

from collections.abc import Iterator
from typing import Final, Protocol

import numpy as np
from numpy.typing import NDArray

from seg.data.regions.region import Region, grid_of_regions
from seg.labels.label_map import LabelsHW
from seg.labels.task import LabelMap, Task, count_pixels

AT_ONCE: Final = 2048
"""The side of the regions in which a whole label map is gone through."""


class LabelRaster(Protocol):
    """A label map to take regions of; every label map in memory is one."""

    @property
    def shape(self) -> tuple[int, ...]: ...

    def __getitem__(self, place: tuple[slice, slice], /) -> LabelMap:
        """The labels of some rows and columns."""
        ...


class LabelsWithoutRegions:
    """A label map in which some regions are to be ignored, with the value `ignored`."""

    def __init__(self, labels: LabelRaster, hidden: tuple[Region, ...], ignored: int) -> None:
        self._labels = labels
        self._hidden = hidden
        self._ignored = ignored

    @property
    def shape(self) -> tuple[int, ...]:
        return self._labels.shape

    def __getitem__(self, place: tuple[slice, slice], /) -> LabelMap:
        region = Region.of_slices(place, size_of_labels(self._labels))
        labels_hw = np.array(self._labels[region.slices])
        for hidden in self._hidden:
            covered = hidden.intersection(region)
            labels_hw[covered.moved(-region.top, -region.left).slices] = self._ignored
        return labels_hw


class ClassMask:
    """The pixels of one class of a label map with a bit for each class: 1 where it is, else 0."""

    def __init__(self, labels: LabelRaster, bit: int) -> None:
        self._labels = labels
        self._bit = bit

    @property
    def shape(self) -> tuple[int, ...]:
        return self._labels.shape

    def __getitem__(self, place: tuple[slice, slice], /) -> LabelsHW:
        labels_hw = self._labels[place]
        has_bit_hw = (labels_hw & labels_hw.dtype.type(1 << self._bit)) != 0
        return np.asarray(has_bit_hw, dtype=np.uint8)


def mask_of_class(labels: LabelRaster, bit: int) -> LabelRaster:
    """`ClassMask`, in memory if the label map is."""
    mask = ClassMask(labels, bit)
    return mask[:, :] if isinstance(labels, np.ndarray) else mask


def size_of_labels(labels: LabelRaster) -> tuple[int, int]:
    """Height and width of a label map."""
    height, width = labels.shape[:2]
    return height, width


def parts_of_labels(labels: LabelRaster) -> Iterator[LabelMap]:
    """A label map in parts that fit into memory: an array as a whole, other maps region by region."""
    if isinstance(labels, np.ndarray):
        yield labels
        return
    for region in grid_of_regions(size_of_labels(labels), (AT_ONCE, AT_ONCE)):
        yield labels[region.slices]


def count_labels(labels: LabelRaster, task: Task, classes: int) -> NDArray[np.int64]:
    """The pixels of each class, int64 `[C]`; others, such as ignored ones, are not counted."""
    counts_c = np.zeros(classes, dtype=np.int64)
    for part_hw in parts_of_labels(labels):
        counts_c += count_pixels(part_hw, task, classes)
    return counts_c
