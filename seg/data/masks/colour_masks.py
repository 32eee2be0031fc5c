"""Colour-coded masks: a pixel is of the class whose colour it has, exactly or nearly."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seg.data.masks.index_masks import values_with_counts
from seg.data.masks.mask_values import MaskValues, read_mask_values
from seg.errors import DataError
from seg.labels.classes import Colour
from seg.labels.task import LabelMap


class ColourMasks:
    """Labels by colour; with a tolerance, the nearest colour that differs by at most it in each channel."""

    def __init__(
        self,
        label_of: Mapping[Colour, int],
        dtype: np.dtype[np.unsignedinteger[Any]],
        tolerance: int | None = None,
    ) -> None:
        self._tolerance = tolerance or 0
        colours = np.array(list(label_of), dtype=np.int64).reshape(-1, 3)
        order = np.argsort(_colour_codes(colours))
        self._colours = colours[order]
        self._sorted_codes = _colour_codes(self._colours)
        self._labels = np.array(list(label_of.values()), dtype)[order]

    def labels(self, path: Path) -> LabelMap:
        """The label map of a mask; raises DataError for colours of no class."""
        return self.labels_of(read_mask_values(path, lossy=self._tolerance > 0, palette=True), path)

    def labels_of(self, values: MaskValues, path: Path) -> LabelMap:
        """The label map of a mask's colours, uint8 `[H, W, 3]`, or greys `[H, W]`."""
        codes_hw = _colour_codes(values if values.ndim == 3 else np.repeat(values[..., None], 3, axis=-1))
        place_hw = np.minimum(np.searchsorted(self._sorted_codes, codes_hw), len(self._labels) - 1)
        labels_hw: LabelMap = self._labels[place_hw]
        unknown_hw = self._sorted_codes[place_hw] != codes_hw
        if unknown_hw.any():
            labels_hw[unknown_hw] = self._nearest(codes_hw[unknown_hw], path)
        return labels_hw

    def _nearest(self, codes: NDArray[np.int64], path: Path) -> LabelMap:
        """The labels of colours that are no class's own."""
        unique, inverse, counts = np.unique(codes, return_inverse=True, return_counts=True)
        colours = np.stack([unique >> 16, unique >> 8 & 255, unique & 255], axis=1)
        nearest = np.zeros(len(unique), dtype=np.int64)
        difference = np.full(len(unique), 256)
        for place, colour in enumerate(self._colours):
            distance = abs(colours - colour).max(axis=1)
            nearest[distance < difference] = place
            difference = np.minimum(difference, distance)
        too_far = difference > self._tolerance
        if too_far.any():
            named = [",".join(map(str, colour)) for colour in colours[too_far].tolist()]
            raise DataError(
                f"{path}: has colours {values_with_counts(named, counts[too_far])}, of no class:"
                " give it to a class under 'classes', list it under 'unlabelled_colours', or allow near ones"
                " with 'tolerance'"
            )
        return self._labels[nearest][inverse]


def _colour_codes(colours: MaskValues) -> NDArray[np.int64]:
    """Red, green and blue in the last axis as one number."""
    red, green, blue = np.moveaxis(colours.astype(np.int64), -1, 0)
    codes: NDArray[np.int64] = red << 16 | green << 8 | blue
    return codes
