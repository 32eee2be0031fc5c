"""Scores of all predictors over the split, and of the ensemble on each image, in one loop over the images."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from seg.evaluate.cache.mixture import Mixture
from seg.evaluate.cache.passes import Passes
from seg.evaluate.metrics.calibration import Reliability
from seg.evaluate.metrics.confusion import ConfusionMatrix, CountsCC
from seg.evaluate.metrics.groups import GroupI, sum_by_group
from seg.evaluate.metrics.segmentation import (
    SegmentationMetrics,
    SegmentationScores,
    intervals_of,
    iou_of,
    mean_iou,
)
from seg.evaluate.report.image_view import ImageView, view_image
from seg.evaluate.report.predictors import Predictors
from seg.evaluate.tune.scorer import CountsICC
from seg.terminal.progress import progress


@dataclass(frozen=True, slots=True)
class Score:
    """mIoU of a mixture over all labelled pixels, its 95 % interval, and the milliseconds of an image.

    `iou` and `iou_intervals` are of each class, None if it is absent.
    """

    mixture: Mixture
    counts_icc: CountsICC
    miou: float
    interval: tuple[float, float]
    iou: tuple[float | None, ...]
    iou_intervals: tuple[tuple[float, float] | None, ...]
    milliseconds: float


@dataclass(frozen=True, slots=True)
class ImageNote:
    """The ensemble's scores on one image: mIoU, the IoU of each class (None if absent) and uncertainty.

    `entropy` is the mean over pixels, 0..1; `disputed` the share of pixels on which members differ.
    """

    index: int
    id: str
    miou: float
    iou: tuple[float | None, ...]
    entropy: float
    disputed: float


@dataclass(frozen=True, slots=True)
class SplitScores:
    """The scores of all mixtures; `metrics` and `reliability` are of the ensemble with its views."""

    scores: dict[Mixture, Score]
    metrics: SegmentationScores
    reliability: Reliability
    notes: tuple[ImageNote, ...]


def score_images(passes: Passes, predictors: Predictors, units: Sequence[str]) -> SplitScores:
    """Score all images, one in memory at a time; `units` are what intervals resample, by image."""
    counts: dict[Mixture, list[CountsCC]] = {mixture: [] for mixture in predictors.mixtures}
    unit_of = dict(zip((sample.id for sample in passes.split.samples), units, strict=True))
    metrics, reliability = SegmentationMetrics(passes.split.classes, unit_of), Reliability()
    notes: list[ImageNote] = []
    with progress("judge", passes.images, unit="images") as advance:
        for image, sample in enumerate(passes.split.samples):
            view = view_image(passes, predictors, image, predictors.mixtures)
            for mixture, labels_hw in view.labels.items():
                counts[mixture].append(
                    ConfusionMatrix(passes.classes).add(view.truth_hw, labels_hw).counts_cc
                )
            metrics.add(sample.id, view.truth_hw, view.ensemble_hw)
            reliability.add(view.truth_hw, view.probabilities_chw)
            notes.append(_note(image, sample.id, view, metrics.counts[-1]))
            advance()
    scores = {
        mixture: _score(passes, mixture, np.stack(listed), metrics.unit_i)
        for mixture, listed in counts.items()
    }
    return SplitScores(scores, metrics.scores(), reliability, tuple(notes))


def _score(passes: Passes, mixture: Mixture, counts_icc: CountsICC, unit_i: GroupI) -> Score:
    counts_cc, intervals = counts_icc.sum(0), intervals_of(sum_by_group(counts_icc, unit_i))
    return Score(
        mixture=mixture,
        counts_icc=counts_icc,
        miou=mean_iou(counts_cc),
        interval=intervals.miou,
        iou=_numbers(counts_cc),
        iou_intervals=intervals.iou,
        milliseconds=mixture.milliseconds(passes.milliseconds),
    )


def _note(image: int, image_id: str, view: ImageView, counts_cc: CountsCC) -> ImageNote:
    return ImageNote(
        index=image,
        id=image_id,
        miou=mean_iou(counts_cc),
        iou=_numbers(counts_cc),
        entropy=float(view.entropy_hw.mean()),
        disputed=float(view.disputed_hw.mean()),
    )


def _numbers(counts_cc: CountsCC) -> tuple[float | None, ...]:
    return tuple(None if np.isnan(value) else float(value) for value in iou_of(counts_cc))
