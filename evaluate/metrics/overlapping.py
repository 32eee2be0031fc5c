"""Metrics of classes that overlap, with bootstrap intervals, from counts of each image and class."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict

from seg.errors import DataError
from seg.evaluate.metrics.boundary import BoundaryC6, boundary_f, boundary_iou, count_mask_boundaries
from seg.evaluate.metrics.groups import GroupI, number_groups
from seg.evaluate.metrics.metric_intervals import class_intervals, metric_interval, tallies_by_group
from seg.evaluate.metrics.ratios import ratio_or_nan, score_or_none
from seg.evaluate.metrics.segmentation import ClassScores
from seg.labels.classes import ClassInfo
from seg.labels.task import LabelMap, ignored_in, masks_of
from seg.metrics.open_metric import open_metric
from seg.metrics.overlap import count_overlap
from seg.spec.ensemble.metric import MIOU

OverlapsC3 = NDArray[np.int64]
"""Labelled pixels of each class in one image, int64 `[C, 3]`: in both, in the truth, in the prediction."""


class OverlappingClassScores(ClassScores):
    """The scores of one class over all images, and in which images it was found.

    `image_dice` and `image_iou` are means over images, 1 where truth and prediction are empty. `images`
    counts those that truly show the class, `missed_images` those of them without a predicted pixel, and
    `invented_images` those with a predicted pixel that do not show it.
    """

    image_dice: float
    image_iou: float
    images: int
    missed_images: int
    invented_images: int


class OverlappingScores(BaseModel):
    """The scores of all classes that overlap, over all images.

    `miou` and `mean_dice` are means over classes of scores of all pixels, without classes that neither truth
    nor prediction has. `image_dice` and `image_iou` are means over images and classes, 1 where both are
    empty. `per_image_dice` has the mean over classes.
    """

    model_config = ConfigDict(frozen=True)

    images: int
    miou: float
    miou_interval: tuple[float, float] | None
    mean_dice: float
    mean_boundary_iou: float
    mean_boundary_f: float
    image_dice: float
    image_iou: float
    classes: tuple[OverlappingClassScores, ...]
    per_image_dice: dict[str, float]


@dataclass(slots=True)
class OverlappingMetrics:
    """Accumulates the counts of images one by one.

    `unit_of` has for each image's id what intervals resample, such as its group; without it, images are.

    Example:
        >>> import numpy as np
        >>> from seg.evaluate import OverlappingMetrics
        >>> from seg.labels.classes import ClassInfo
        >>> names = ["stain", "rust"]
        >>> classes = [ClassInfo(id=n, name=name, colour=(n, n, n)) for n, name in enumerate(names)]
        >>> metrics = OverlappingMetrics(classes)
        >>> truth = np.array([[1, 1, 0, 0]], dtype=np.uint8)
        >>> metrics.add("a", truth, np.array([[3, 0, 0, 0]], dtype=np.uint8))
        >>> scores = metrics.scores()
        >>> [c.image_dice for c in scores.classes], scores.classes[1].invented_images
        ([0.6666666666666666, 0.0], 1)
    """

    classes: Sequence[ClassInfo]
    unit_of: Mapping[str, str] = field(default_factory=dict)
    ids: list[str] = field(default_factory=list)
    overlaps: list[OverlapsC3] = field(default_factory=list)
    boundaries: list[BoundaryC6] = field(default_factory=list)

    def add(self, image_id: str, truth_hw: LabelMap, predicted_hw: LabelMap) -> None:
        """Count one image; raises DataError if sizes differ."""
        if truth_hw.shape != predicted_hw.shape:
            raise DataError(
                f"the prediction has size {predicted_hw.shape} and the labels {truth_hw.shape}:"
                " score predictions at the size of the labels"
            )
        count = len(self.classes)
        truth_chw, predicted_chw = (masks_of(one, "multilabel", count) for one in (truth_hw, predicted_hw))
        labelled_hw = ~ignored_in(truth_hw, "multilabel", count)
        self.overlaps.append(
            np.array(
                [
                    count_overlap(true_hw, found_hw, labelled_hw)
                    for true_hw, found_hw in zip(truth_chw, predicted_chw, strict=True)
                ]
            )
        )
        self.boundaries.append(count_mask_boundaries(truth_chw, predicted_chw, labelled_hw))
        self.ids.append(image_id)

    @property
    def unit_i(self) -> GroupI:
        """The number of what each image is resampled with."""
        return number_groups([self.unit_of.get(image_id, image_id) for image_id in self.ids])

    def scores(self) -> OverlappingScores:
        """The scores of all images so far."""
        both_ic, truth_ic, predicted_ic = np.moveaxis(np.stack(self.overlaps), 2, 0)
        total_ic, either_ic = truth_ic + predicted_ic, truth_ic + predicted_ic - both_ic
        dice_ic, iou_ic = _ratio_or_one(2 * both_ic, total_ic), _ratio_or_one(both_ic, either_ic)
        metric = open_metric(MIOU, self.classes, "multilabel")
        tallies_gc2 = tallies_by_group(np.stack([both_ic, either_ic], axis=2).astype(np.float64), self.unit_i)
        both_c, truth_c, predicted_c = both_ic.sum(0), truth_ic.sum(0), predicted_ic.sum(0)
        boundaries = np.sum(self.boundaries, axis=0)
        pooled = {
            "iou": ratio_or_nan(both_c, either_ic.sum(0)),
            "dice": ratio_or_nan(2 * both_c, total_ic.sum(0)),
            "precision": ratio_or_nan(both_c, predicted_c),
            "recall": ratio_or_nan(both_c, truth_c),
            "boundary_iou": boundary_iou(boundaries),
            "boundary_f": boundary_f(boundaries),
        }
        intervals = class_intervals(metric, tallies_gc2)
        has_truth_ic, is_found_ic = truth_ic > 0, predicted_ic > 0
        return OverlappingScores(
            images=len(self.ids),
            miou=_mean_of_scored_classes(pooled["iou"]),
            miou_interval=metric_interval(metric, tallies_gc2),
            mean_dice=_mean_of_scored_classes(pooled["dice"]),
            mean_boundary_iou=_mean_of_scored_classes(pooled["boundary_iou"]),
            mean_boundary_f=_mean_of_scored_classes(pooled["boundary_f"]),
            image_dice=float(dice_ic.mean()),
            image_iou=float(iou_ic.mean()),
            classes=tuple(
                OverlappingClassScores(
                    name=info.name,
                    pixels=int(truth_c[c]),
                    iou_interval=intervals[c],
                    image_dice=float(dice_ic[:, c].mean()),
                    image_iou=float(iou_ic[:, c].mean()),
                    images=int(has_truth_ic[:, c].sum()),
                    missed_images=int((has_truth_ic & ~is_found_ic)[:, c].sum()),
                    invented_images=int((is_found_ic & ~has_truth_ic)[:, c].sum()),
                    **{name: score_or_none(score_c[c]) for name, score_c in pooled.items()},
                )
                for c, info in enumerate(self.classes)
            ),
            per_image_dice=dict(zip(self.ids, dice_ic.mean(1).tolist(), strict=True)),
        )


def _ratio_or_one(part: NDArray[np.int64], whole: NDArray[np.int64]) -> NDArray[np.float64]:
    """1 where there is nothing to divide by."""
    return np.where(whole > 0, part / np.maximum(whole, 1), 1.0)


def _mean_of_scored_classes(scores_c: NDArray[np.float64]) -> float:
    """Of the classes that have a score; NaN if none has."""
    return float(np.nanmean(scores_c)) if np.isfinite(scores_c).any() else float("nan")
