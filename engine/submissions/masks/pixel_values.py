"""Pixel values of label maps in files: the classes' ids, or their positions in the class list.

A pixel without a class gets the largest number of the type (255 in 8 bits), unless that is a class's id.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seg.errors import DataError
from seg.labels.classes import ClassInfo, Colour
from seg.labels.label_map import IGNORE_INDEX, LabelsHW
from seg.spec.ensemble.output import Values

ValuesHW = NDArray[Any]
"""Pixel values of integers, `[H, W]`."""

PixelTypes = Sequence[type[np.integer]]
"""The integer types that a format can store, the smallest first."""

_MOST_NAMED = 5


class PixelValues:
    """Maps labels to pixel values and back.

    Attributes:
        of_label: the value of each label, int64 `[C]`.
        dtype: the smallest of the given types that holds them all.
        void: the value of a pixel without a class; None if no number is left for it.
        classes: by their values.
    """

    def __init__(self, classes: Sequence[ClassInfo], values: Values, types: PixelTypes) -> None:
        """Raises DataError if an id fits into none of the types."""
        self._values = values
        self.of_label = np.array(
            [label if values == "positions" else c.id for label, c in enumerate(classes)], dtype=np.int64
        )
        self.classes = dict(zip(self.of_label.tolist(), classes, strict=True))
        self.dtype = np.dtype(_smallest_pixel_type(classes, self.of_label, types))
        largest = int(np.iinfo(self.dtype).max)
        self.void = None if largest in self.of_label else largest
        known = dict(zip(self.of_label.tolist(), range(len(classes)), strict=True))
        if self.void is not None:
            known[self.void] = IGNORE_INDEX
        self._ascending = np.array(sorted(known), dtype=np.int64)
        self._labels = np.array([known[value] for value in sorted(known)], dtype=np.uint8)

    def encode(self, image_id: str, labels_hw: LabelsHW) -> ValuesHW:
        """The pixel values of a label map; raises DataError if unlabelled pixels cannot be represented."""
        if self.void is None and (labels_hw == IGNORE_INDEX).any():
            raise DataError(
                f"{image_id}: has pixels without a class, but their value, {np.iinfo(self.dtype).max}, is"
                " a class's id: give that class another id"
            )
        table = np.full(IGNORE_INDEX + 1, self.void or 0, dtype=self.dtype)
        table[: len(self.of_label)] = self.of_label
        return table[labels_hw]

    @property
    def colours(self) -> Mapping[int, Colour]:
        """The colour of each value that is a class's."""
        return {value: c.colour for value, c in self.classes.items()}

    def decode(self, place: str, values_hw: ValuesHW) -> LabelsHW:
        """The labels of values of any integer type; raises DataError for an unknown value."""
        if values_hw.dtype in (np.uint8, np.uint16):
            every = np.arange(np.iinfo(values_hw.dtype).max + 1)
            labels, is_known = self._look_up(every)
            is_known_hw, labels_hw = is_known[values_hw], labels[values_hw]
        else:
            labels_hw, is_known_hw = self._look_up(values_hw.astype(np.int64))
        if not is_known_hw.all():
            self._refuse(place, np.unique(values_hw[~is_known_hw]).tolist())
        return labels_hw

    def _look_up(self, values: NDArray[np.int64]) -> tuple[LabelsHW, NDArray[np.bool_]]:
        places = np.searchsorted(self._ascending, values).clip(max=len(self._ascending) - 1)
        return self._labels[places], self._ascending[places] == values

    def _refuse(self, place: str, unknown: list[int]) -> None:
        named = ", ".join(map(str, unknown[:_MOST_NAMED])) + (", ..." if len(unknown) > _MOST_NAMED else "")
        if self._values == "positions":
            raise DataError(
                f"{place}: has the values {named}, but values are positions in the list of"
                f" {len(self.of_label)} classes"
            )
        ids = ", ".join(map(str, self.of_label[:_MOST_NAMED].tolist())) + (
            ", ..." if len(self.of_label) > _MOST_NAMED else ""
        )
        raise DataError(
            f"{place}: has the values {named}, which are not class ids ({ids}); if values are positions in"
            " the class list, set output: {values: positions}"
        )


def _smallest_pixel_type(
    classes: Sequence[ClassInfo], values: NDArray[np.int64], types: PixelTypes
) -> type[np.integer]:
    for one in types:
        if np.iinfo(one).min <= values.min() and values.max() <= np.iinfo(one).max:
            return one
    low, high = np.iinfo(types[-1]).min, np.iinfo(types[-1]).max
    name, value = next(
        (c.name, value) for c, value in zip(classes, values.tolist(), strict=True) if not low <= value <= high
    )
    raise DataError(
        f"class {name!r} has the id {value}, but the format's pixel values are {low}..{high}: give it another"
        " id, or set output: {values: positions}"
    )
