"""Index masks: a pixel's value is a class's id, or counts as unlabelled."""

from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from seg.data.labelling import Labelling
from seg.data.masks.mask_values import MaskValues, read_mask_values
from seg.errors import DataError
from seg.labels.task import LabelMap, classes_overlap
from seg.terminal.words import pluralise

_MOST_SHOWN: Final = 8


class IndexMasks:
    """Labels by id. Values of at least `divide` are id x divide + instance."""

    def __init__(
        self, labelling: Labelling, unlabelled_values: Sequence[int], divide: int | None = None
    ) -> None:
        self._labelling = labelling
        self._unlabelled_values = tuple(unlabelled_values)
        self._divide = divide

    def labels(self, path: Path) -> LabelMap:
        """The label map of a mask; raises DataError for a value of no class."""
        return self.labels_of(read_mask_values(path), path)

    def labels_of(self, values: MaskValues, path: Path) -> LabelMap:
        """The label map of a mask's values."""
        values_hw = _one_channel_of_mask(values, path)
        if self._divide is not None and (is_instance_hw := values_hw >= self._divide).any():
            values_hw = np.where(is_instance_hw, values_hw // self._divide, values_hw)
        label_of_value, is_known = self._tables
        in_table_hw = np.minimum(values_hw, len(label_of_value) - 1)
        unknown_hw = ~is_known[in_table_hw] | (values_hw != in_table_hw)
        if unknown_hw.any():
            unknown, counts = np.unique(values_hw[unknown_hw], return_counts=True)
            raise DataError(
                f"{path}: has pixel values {values_with_counts(unknown.tolist(), counts)}, the id of no"
                " class: name it under 'classes' or list it under 'unlabelled_values'"
            )
        labels_hw: LabelMap = label_of_value[in_table_hw]
        return labels_hw

    @cached_property
    def _tables(self) -> tuple[LabelMap, NDArray[np.bool_]]:
        """By pixel value: its label, and whether it has one. A class's id is never unlabelled.

        Where classes overlap, 0 is of none, and what counts as unlabelled is ignored.
        """
        label_of_value: LabelMap = np.zeros(256, self._labelling.dtype)
        is_known = np.zeros(256, dtype=np.bool_)
        is_known[0] = classes_overlap(self._labelling.task)
        label_of_value[list(self._unlabelled_values)] = self._labelling.void
        is_known[list(self._unlabelled_values)] = True
        for label, c in enumerate(self._labelling.classes):
            label_of_value[c.id] = self._labelling.value_of(label)
            is_known[c.id] = True
        return label_of_value, is_known


def _one_channel_of_mask(values: MaskValues, path: Path) -> NDArray[Any]:
    """The values of a mask; of a grey image that was saved in colour, one channel."""
    if values.ndim == 2:
        return values
    if (values == values[..., :1]).all():
        return values[..., 0]
    raise DataError(
        f"{path}: is a colour image: give each class its 'colour', or name masks whose pixel values are class"
        " ids"
    )


def values_with_counts(values: Sequence[object], counts: NDArray[np.int64]) -> str:
    """Such as `9 (12 pixels), 11 (1 pixel)`; the most frequent first."""
    order = np.argsort(-counts, kind="stable")
    parts = [f"{values[place]} ({pluralise(int(counts[place]), 'pixel')})" for place in order[:_MOST_SHOWN]]
    more = [f"{len(order) - _MOST_SHOWN} more values"] if len(order) > _MOST_SHOWN else []
    return ", ".join([*parts, *more])
