"""Pixel values of label maps in files where classes overlap: 2**k for class k, and their sum for several."""

from collections.abc import Mapping, Sequence

from seg.engine.submissions.masks.pixel_values import ValuesHW
from seg.errors import DataError
from seg.labels.classes import ClassInfo, Colour, mixed_colour
from seg.labels.task import LabelMap, label_dtype

_MOST_MIXED = 8
"""Up to so many classes every sum has a colour of its own."""


class BitValues:
    """Checks the bits of label maps.

    Attributes:
        dtype: the smallest type with a bit for each class.
        void: None, as a pixel without a class is 0.
        classes: by their values.
    """

    def __init__(self, classes: Sequence[ClassInfo], most_bits: int) -> None:
        """Raises DataError if the format has fewer bits a pixel than classes."""
        if len(classes) > most_bits:
            raise DataError(
                f"{len(classes)} classes overlap, and this format has {most_bits} bits a pixel: set output:"
                " {format: npz}, or another"
            )
        self.dtype = label_dtype("multilabel", len(classes))
        self.void = None
        self.classes = {2**bit: c for bit, c in enumerate(classes)}

    @property
    def colours(self) -> Mapping[int, Colour]:
        """The colour of each value: a class's, or of several the mean."""
        if len(self.classes) > _MOST_MIXED:
            return {value: c.colour for value, c in self.classes.items()}
        return {
            value: mixed_colour([c for bit, c in self.classes.items() if value & bit])
            for value in range(1, 2 ** len(self.classes))
        }

    def encode(self, _: str, labels_hw: LabelMap) -> ValuesHW:
        """The pixel values of a label map, which are its labels."""
        return labels_hw

    def decode(self, place: str, values_hw: ValuesHW) -> LabelMap:
        """The labels of values of any integer type; raises DataError for a value beyond the classes."""
        largest = 2 ** len(self.classes) - 1
        if values_hw.size and (int(values_hw.min()) < 0 or int(values_hw.max()) > largest):
            raise DataError(
                f"{place}: has the values {values_hw.min()} to {values_hw.max()}, but those of"
                f" {len(self.classes)} classes that overlap are 0 to {largest}"
            )
        return values_hw.astype(self.dtype)
