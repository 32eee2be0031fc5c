"""Predictions: labels, probabilities, confidence and overlay of one image."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seg.engine.merging.decision import confidence_of_labels
from seg.labels.classes import ClassInfo
from seg.labels.label_map import ImageHWC, ProbabilitiesCHW
from seg.labels.task import LabelMap, MasksCHW, Task, classes_overlap, masks_of
from seg.pictures.drawing import draw_overlay


@dataclass(frozen=True, slots=True, eq=False)
class Prediction:
    """Labels and probabilities of one image, at the image's own size; also as a pair of the two.

    Attributes:
        labels: uint8 `[H, W]`; a label is a position in `classes`. Where classes overlap, an unsigned integer
            with a bit for each class: see `masks`.
        probabilities: float32 `[C, H, W]`; they sum to 1 over C unless classes overlap.
        classes: name, id and colour of each class.
        task: what a pixel can be: `multiclass`, `binary` or `multilabel`.

    Example:
        >>> import seg
        >>> prediction = seg.load("mine.yaml").predict("a.png")
        >>> [c.name for c in prediction.classes]
        ['ground', 'paper', 'glass', 'metal']
        >>> bool((prediction.confidence >= 1 / 4).all())
        True
        >>> labels, probabilities = prediction
    """

    labels: LabelMap
    probabilities: ProbabilitiesCHW
    classes: tuple[ClassInfo, ...]
    task: Task = "multiclass"

    def __iter__(self) -> Iterator[NDArray[Any]]:
        return iter((self.labels, self.probabilities))

    def __getitem__(self, position: int) -> NDArray[Any]:
        return (self.labels, self.probabilities)[position]

    @property
    def confidence(self) -> NDArray[np.float32]:
        """The probability of each pixel's label, float32 `[H, W]`; where classes overlap, the least."""
        return confidence_of_labels(self.labels, self.probabilities, self.task)

    @property
    def masks(self) -> MasksCHW:
        """The pixels of each class, bool `[C, H, W]`."""
        return masks_of(self.labels, self.task, len(self.classes))

    @property
    def class_ids(self) -> NDArray[np.int64]:
        """The dataset's id of each pixel's class, int64 `[H, W]`, as in a submission's mask.

        Raises:
            ValueError: a pixel may have several classes.
        """
        if classes_overlap(self.task):
            raise ValueError("a pixel may have several classes: use masks")
        ids = np.array([c.id for c in self.classes], dtype=np.int64)
        return ids[self.labels]

    def overlay(self, image: ImageHWC, *, opacity: float = 0.5, hide: str | None = None) -> ImageHWC:
        """The image with its labels drawn over it in the classes' colours, uint8 RGB `[H, W, 3]`.

        Args:
            image: the predicted image, uint8 RGB `[H, W, 3]`.
            opacity: of the colours, from 0 to 1.
            hide: the name of a class that is left uncoloured, such as a background.

        Raises:
            ValueError: the image has another size, or there is no class of that name.
        """
        if image.shape != (*self.labels.shape, 3):
            raise ValueError(f"the image must be {[*self.labels.shape, 3]}, got {list(image.shape)}")
        names = [c.name for c in self.classes]
        if hide is not None and hide not in names:
            raise ValueError(f"there is no class {hide!r}: the classes are {', '.join(names)}")
        clear = None if hide is None else names.index(hide)
        return draw_overlay(image, self.labels, self.classes, opacity=opacity, clear=clear, task=self.task)
