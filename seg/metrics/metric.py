"""The interface of metrics: two numbers for each image and class, whose sums are divided.

Every metric has this form. IoU over a split has pixels in both masks and pixels in either as part and whole;
the mean over images of Dice has the Dice of the image and 1. So any metric can be summed by groups of images,
resampled, and left out image by image, without the masks.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from seg.errors import DataError
from seg.labels.task import LabelMap, MasksCHW, Task, ignored_in, masks_of

MaskHW = NDArray[np.bool_]

TallyC2 = NDArray[np.float64]
"""Part and whole of each class in one image, float64 `[C, 2]`."""

TalliesIC2 = NDArray[np.float64]
"""The same of images, float64 `[I, C, 2]`."""

TallyMasks = Callable[[MasksCHW, MasksCHW, MaskHW], TallyC2]
"""Tallies an image: the pixels of each class in the truth, and in the prediction, bool `[C, H, W]`, and the
pixels that are labelled, bool `[H, W]`. The truth has no others, the prediction may."""

TallyClass = Callable[[MaskHW, MaskHW, MaskHW], tuple[float, float]]
"""The same of one class."""


@dataclass(frozen=True)
class Metric:
    """A metric with its classes; the higher, the better.

    Attributes:
        weights_c: of the classes in the mean, float64 `[C]`; 0 for those that do not count.
        pooled: whether parts and wholes are summed over classes, too, before they are divided.
        is_miou: whether it is the mean IoU of all classes alike, which confusion counts are enough for.
    """

    name: str
    task: Task
    weights_c: NDArray[np.float64]
    tally_masks: TallyMasks
    pooled: bool = False

    @cached_property
    def is_miou(self) -> bool:
        return self.name == "miou" and bool((self.weights_c == 1).all())

    def tally(self, truth_hw: LabelMap, predicted_hw: LabelMap) -> TallyC2:
        """Tally one image from its label maps; raises DataError if sizes differ."""
        if truth_hw.shape != predicted_hw.shape:
            raise DataError(
                f"the prediction has size {predicted_hw.shape} and the labels {truth_hw.shape}:"
                " score predictions at the size of the labels"
            )
        classes = len(self.weights_c)
        return self.tally_masks(
            masks_of(truth_hw, self.task, classes),
            masks_of(predicted_hw, self.task, classes),
            ~ignored_in(truth_hw, self.task, classes),
        )

    def score(self, tallies_ic2: TalliesIC2) -> float:
        """The score of images; NaN if they have no class that counts."""
        return float(self.scores_of(tallies_ic2.sum(0)))

    def scores_of(self, tallies_c2: NDArray[np.float64]) -> NDArray[np.float64]:
        """The score of each tally of classes, or of a sum of them, `[..., C, 2]`; NaN as above."""
        part_c, whole_c = tallies_c2[..., 0], tallies_c2[..., 1]
        weights_c = np.where(whole_c > 0, self.weights_c, 0)
        if self.pooled:
            parts, wholes = (weights_c * part_c).sum(-1), (weights_c * whole_c).sum(-1)
        else:
            parts, wholes = (weights_c * _part_of_whole(part_c, whole_c)).sum(-1), weights_c.sum(-1)
        return np.asarray(np.divide(parts, wholes, out=np.full(parts.shape, np.nan), where=wholes > 0))

    def class_scores(self, tallies_ic2: TalliesIC2) -> NDArray[np.float64]:
        """The score of each class, float64 `[C]`; NaN for a class that is absent or does not count."""
        part_c, whole_c = tallies_ic2.sum(0).T
        return np.where((whole_c > 0) & (self.weights_c > 0), _part_of_whole(part_c, whole_c), np.nan)


def class_by_class(tally_class: TallyClass) -> TallyMasks:
    """A metric that looks at one class after another."""

    def tally_masks(truth_chw: MasksCHW, predicted_chw: MasksCHW, labelled_hw: MaskHW) -> TallyC2:
        return np.array(
            [
                tally_class(truth_hw, predicted_hw, labelled_hw)
                for truth_hw, predicted_hw in zip(truth_chw, predicted_chw, strict=True)
            ],
            dtype=np.float64,
        )

    return tally_masks


def _part_of_whole(part_c: NDArray[np.float64], whole_c: NDArray[np.float64]) -> NDArray[np.float64]:
    return part_c / np.where(whole_c > 0, whole_c, 1)
