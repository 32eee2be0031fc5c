"""What crops are drawn from: the images of a split, decoded whole or read around a place."""

from collections.abc import Callable

from seg.data import Split
from seg.image_type import ImageHWB
from seg.labels.classes import ClassInfo
from seg.labels.task import Task

Scale = Callable[[ImageHWB], ImageHWB]
"""What brings an image of bands to 0..1."""


class DrawableSplit:
    """Images of a split and their labels, for training. Those of bands are brought to 0..1 by `scale`."""

    def __init__(self, split: Split, scale: Scale | None) -> None:
        self._split = split
        self._scale = scale

    def __len__(self) -> int:
        return len(self._split.samples)

    @property
    def task(self) -> Task:
        return self._split.task

    @property
    def classes(self) -> tuple[ClassInfo, ...]:
        return self._split.classes

    @property
    def has_colour(self) -> bool:
        """Whether images are RGB of 8 bits, not bands in 0..1."""
        return self._scale is None
