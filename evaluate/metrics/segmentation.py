"""Segmentation metrics with bootstrap intervals, from the confusion matrix of each image.

Counts are stored image by image, a few kilobytes each, so that intervals can be found by resampling images.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict

from seg.evaluate.metrics.boundary import BoundaryC6, boundary_f, boundary_iou, count_boundaries
from seg.evaluate.metrics.confusion import ConfusionMatrix, CountsCC, totals_of_confusion
from seg.evaluate.metrics.groups import GroupI, number_groups, sum_by_group
from seg.evaluate.metrics.metric_intervals import RESAMPLES, interval_of_resamples
from seg.evaluate.metrics.ratios import ratio_or_nan, score_or_none
from seg.labels.classes import ClassInfo
from seg.labels.label_map import LabelsHW


class ClassScores(BaseModel):
    """The scores of one class over all images; None if neither truth nor prediction has it."""

    model_config = ConfigDict(frozen=True)

    name: str
    pixels: int
    iou: float | None
    iou_interval: tuple[float, float] | None
    dice: float | None
    precision: float | None
    recall: float | None
    boundary_iou: float | None
    boundary_f: float | None


class SegmentationScores(BaseModel):
    """The scores of all classes over all images.

    Means over classes leave out classes that neither truth nor prediction has. `image_miou` is the mean over
    images of their own mIoU, as some contests score. `kaggle_dice` is the mean over images and classes of
    Dice, which is 1 if a class is in neither. `without_class` counts the pixels of each true class without a
    predicted class, which are not in `confusion`. Intervals are 95 % bootstrap intervals over images, or over
    groups of them.
    """

    model_config = ConfigDict(frozen=True)

    images: int
    miou: float
    miou_interval: tuple[float, float]
    pixel_accuracy: float
    mean_accuracy: float
    frequency_weighted_iou: float
    mean_dice: float
    mean_boundary_iou: float
    mean_boundary_f: float
    image_miou: float
    kaggle_dice: float
    classes: tuple[ClassScores, ...]
    confusion: tuple[tuple[int, ...], ...]
    without_class: tuple[int, ...]
    per_image_miou: dict[str, float]


class IouIntervals(NamedTuple):
    """95 % bootstrap intervals of mIoU and of each class's IoU (None if it is absent)."""

    miou: tuple[float, float]
    iou: tuple[tuple[float, float] | None, ...]


@dataclass(slots=True)
class SegmentationMetrics:
    """Accumulates the counts of images one by one.

    `unit_of` has for each image's id what intervals resample, such as its group; without it, images are.

    Example:
        >>> import numpy as np
        >>> from seg.labels.classes import ClassInfo
        >>> from seg.evaluate import SegmentationMetrics
        >>> names = ["road", "car"]
        >>> classes = [ClassInfo(id=n, name=name, colour=(n, n, n)) for n, name in enumerate(names)]
        >>> metrics = SegmentationMetrics(classes)
        >>> truth = np.array([[0, 0, 1, 1]], dtype=np.uint8)
        >>> metrics.add("a", truth, np.array([[0, 1, 1, 1]], dtype=np.uint8))
        >>> scores = metrics.scores()
        >>> round(scores.miou, 3), scores.pixel_accuracy
        (0.583, 0.75)
    """

    classes: Sequence[ClassInfo]
    unit_of: Mapping[str, str] = field(default_factory=dict)
    ids: list[str] = field(default_factory=list)
    counts: list[CountsCC] = field(default_factory=list)
    boundaries: list[BoundaryC6] = field(default_factory=list)

    def add(self, image_id: str, truth_hw: LabelsHW, predicted_hw: LabelsHW) -> None:
        """Count one image; raises DataError if sizes differ or a label has no class."""
        self.counts.append(ConfusionMatrix(len(self.classes)).add(truth_hw, predicted_hw).counts_cc)
        self.boundaries.append(count_boundaries(truth_hw, predicted_hw, len(self.classes)))
        self.ids.append(image_id)

    @property
    def unit_i(self) -> GroupI:
        """The number of what each image is resampled with."""
        return number_groups([self.unit_of.get(image_id, image_id) for image_id in self.ids])

    def scores(self) -> SegmentationScores:
        """The scores of all images so far."""
        counts_icc, boundaries = np.stack(self.counts), np.sum(self.boundaries, axis=0)
        counts_cc = counts_icc.sum(0)
        intervals = iou_intervals(sum_by_group(counts_icc, self.unit_i))
        alone = np.array([mean_iou(counts) for counts in counts_icc])
        hit, truth, predicted = totals_of_confusion(counts_cc)
        iou = iou_of_confusion(counts_cc)
        recall = ratio_or_nan(hit, truth)
        return SegmentationScores(
            images=len(self.ids),
            miou=float(np.nanmean(iou)),
            miou_interval=intervals.miou,
            pixel_accuracy=float(hit.sum() / counts_cc.sum()),
            mean_accuracy=float(np.nanmean(recall)),
            frequency_weighted_iou=float(np.nansum(iou * truth) / truth.sum()),
            mean_dice=float(np.nanmean(ratio_or_nan(2 * hit, truth + predicted))),
            mean_boundary_iou=float(np.nanmean(boundary_iou(boundaries))),
            mean_boundary_f=float(np.nanmean(boundary_f(boundaries))),
            image_miou=float(np.nanmean(alone)),
            kaggle_dice=_mean_kaggle_dice(counts_icc),
            classes=_class_scores(self.classes, counts_cc, boundaries, intervals),
            confusion=tuple(tuple(row[:-1]) for row in counts_cc.tolist()),
            without_class=tuple(counts_cc[:, -1].tolist()),
            per_image_miou=dict(zip(self.ids, alone.tolist(), strict=True)),
        )


def iou_of_confusion(counts_cc: CountsCC) -> NDArray[np.float64]:
    """IoU of each class, float64 `[C]`; NaN if neither truth nor prediction has it."""
    hit, truth, predicted = totals_of_confusion(counts_cc)
    return ratio_or_nan(hit, truth + predicted - hit)


def mean_iou(counts_cc: CountsCC) -> float:
    """The mean IoU over the classes that truth or prediction has; NaN if there is none."""
    iou = iou_of_confusion(counts_cc)
    return float(np.nanmean(iou)) if np.isfinite(iou).any() else float("nan")


def iou_intervals(counts_icc: NDArray[np.int64]) -> IouIntervals:
    """Bootstrap intervals from counts of each image or group, int64 `[I, C, C + 1]`."""
    drawn = _resample_iou(counts_icc)
    present = np.isfinite(iou_of_confusion(counts_icc.sum(0)))
    of_classes = (
        interval_of_resamples(values) if there else None
        for values, there in zip(drawn.T, present, strict=True)
    )
    return IouIntervals(interval_of_resamples(np.nanmean(drawn, axis=1)), tuple(of_classes))


def paired_miou_interval(
    first: Sequence[CountsCC], second: Sequence[CountsCC], unit_i: GroupI | None = None
) -> tuple[float, float, float]:
    """The gain in mIoU of the second over the first on the same images, with its 95 % interval.

    `unit_i` has what each image is resampled with; without it, images are resampled.
    """
    units = np.arange(len(first)) if unit_i is None else unit_i
    a, b = sum_by_group(np.stack(first), units), sum_by_group(np.stack(second), units)
    difference = mean_iou(b.sum(0)) - mean_iou(a.sum(0))
    drawn = np.nanmean(_resample_iou(b), axis=1) - np.nanmean(_resample_iou(a), axis=1)
    return (difference, *interval_of_resamples(drawn))


def _class_scores(
    classes: Sequence[ClassInfo], counts_cc: CountsCC, boundaries: BoundaryC6, intervals: IouIntervals
) -> tuple[ClassScores, ...]:
    hit, truth, predicted = totals_of_confusion(counts_cc)
    columns = {
        "iou": iou_of_confusion(counts_cc),
        "dice": ratio_or_nan(2 * hit, truth + predicted),
        "precision": ratio_or_nan(hit, predicted),
        "recall": ratio_or_nan(hit, truth),
        "boundary_iou": boundary_iou(boundaries),
        "boundary_f": boundary_f(boundaries),
    }
    return tuple(
        ClassScores(
            name=c.name,
            pixels=int(truth[label]),
            iou_interval=intervals.iou[label],
            **{name: score_or_none(values[label]) for name, values in columns.items()},
        )
        for label, c in enumerate(classes)
    )


def _resample_iou(counts_icc: NDArray[np.int64]) -> NDArray[np.float64]:
    """IoU of each class over images resampled with a fixed seed, float64 `[RESAMPLES, C]`."""
    random = np.random.default_rng(0)
    images = len(counts_icc)
    times = random.multinomial(images, np.full(images, 1 / images), size=RESAMPLES)
    drawn = np.tensordot(times, counts_icc, axes=1)
    return np.stack([iou_of_confusion(counts_cc) for counts_cc in drawn])


def _mean_kaggle_dice(counts_icc: NDArray[np.int64]) -> float:
    hit, truth, predicted = totals_of_confusion(counts_icc)
    both = truth + predicted
    return float(np.where(both > 0, 2 * hit / np.maximum(both, 1), 1.0).mean())
