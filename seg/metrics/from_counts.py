"""Metrics from counts of pixels, of many decisions at once or of random pixels of images, to search with.

Metrics that need the shapes of masks have no such form. Their decisions are searched by another, and judged
by themselves.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from seg.labels.classes import ClassInfo
from seg.labels.task import Task, classes_overlap
from seg.metrics.image_tallies import ImageTallies
from seg.metrics.metric import Metric
from seg.metrics.open_metric import open_metric
from seg.spec.ensemble.metric import MetricSpec

Numbers = NDArray[np.float64]


class Counts(NamedTuple):
    """Pixels of a class in both, in the truth, and in the prediction, in arrays of one shape."""

    both: Numbers
    truth: Numbers
    predicted: Numbers

    def of_images(self, chosen_i: NDArray[np.bool_]) -> "Counts":
        """Those of some images, by the last axis."""
        return Counts(*(pixels[..., chosen_i] for pixels in self))

    def without(self, empty: NDArray[np.bool_]) -> "Counts":
        """The counts where the prediction is empty in some images."""
        return Counts(np.where(empty, 0, self.both), self.truth, np.where(empty, 0, self.predicted))


Tallies = Callable[[Counts], tuple[Numbers, Numbers]]
"""Part and whole of each image; see `Metric`."""


@dataclass(frozen=True)
class CountedMetric:
    """A metric on counts of pixels.

    Attributes:
        metric: what it stands for.
        tallies: its own, or where counts do not say enough those of another metric.
        is_own: whether they are its own.
        adds_up: whether images may be counted together, as their tallies are sums over pixels.
    """

    metric: Metric
    tallies: Tallies
    is_own: bool
    adds_up: bool

    @property
    def needs_whole_maps(self) -> bool:
        """Whether random pixels do not say enough, so that decisions are searched but not judged on them."""
        return not (self.is_own and self.adds_up)

    def judge(self, counts: Counts) -> ImageTallies:
        """The tallies of images from counts `[I, C]`."""
        return ImageTallies(self.metric, np.stack(self.tallies(counts), axis=-1))


def dice_from_counts(counts: Counts) -> tuple[Numbers, Numbers]:
    total = counts.truth + counts.predicted
    return np.where(total > 0, 2 * counts.both / np.maximum(total, 1), 1.0), np.ones_like(total, np.float64)


def dataset_dice_from_counts(counts: Counts) -> tuple[Numbers, Numbers]:
    return 2 * counts.both, counts.truth + counts.predicted


def iou_from_counts(counts: Counts) -> tuple[Numbers, Numbers]:
    either = counts.truth + counts.predicted - counts.both
    return np.where(either > 0, counts.both / np.maximum(either, 1), 1.0), np.ones_like(either, np.float64)


def miou_from_counts(counts: Counts) -> tuple[Numbers, Numbers]:
    return counts.both, counts.truth + counts.predicted - counts.both


def right_pixels_from_counts(counts: Counts) -> tuple[Numbers, Numbers]:
    return counts.both, counts.truth


_OF_SPLIT: Final[dict[str, Tallies]] = {
    "miou": miou_from_counts,
    "dataset-dice": dataset_dice_from_counts,
    "pixel-accuracy": right_pixels_from_counts,
}
_OF_IMAGES: Final[dict[str, Tallies]] = {"dice": dice_from_counts, "iou": iou_from_counts}


def open_counted_metric(spec: MetricSpec, classes: Sequence[ClassInfo], task: Task) -> CountedMetric:
    """The metric on counts; where they do not say enough, another in its place. Raises as `open_metric`."""
    name, tallies = tallies_from_counts(spec, task)
    return CountedMetric(
        open_metric(spec, classes, task), tallies, is_own=name == spec.name, adds_up=name in _OF_SPLIT
    )


def tallies_from_counts(spec: MetricSpec, task: Task) -> tuple[str, Tallies]:
    """Name and tallies of the metric, or of the one that stands in where counts do not say enough."""
    if (at := spec.at_thresholds) and at.name == "iou":
        return spec.name, _iou_at_from_counts(at.thresholds)
    name = "miou" if spec.name == "boundary-iou" else spec.name
    needs_all_pixels = name == "pixel-accuracy" and classes_overlap(task)
    known = _OF_SPLIT | _OF_IMAGES
    return (name, known[name]) if name in known and not needs_all_pixels else ("dice", dice_from_counts)


def _iou_at_from_counts(thresholds: Sequence[float]) -> Tallies:
    def tallies(counts: Counts) -> tuple[Numbers, Numbers]:
        value, whole = iou_from_counts(counts)
        return np.mean([value > threshold for threshold in thresholds], axis=0), whole

    return tallies


def class_score_from_counts(tallies: Tallies, counts: Counts) -> Numbers:
    """The score of a class over images `[..., I]`; NaN where there is nothing to judge."""
    part, whole = (values.sum(-1) for values in tallies(counts))
    return np.asarray(np.divide(part, whole, out=np.full(np.shape(part), np.nan), where=whole > 0))
