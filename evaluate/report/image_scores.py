"""One walk over all images: counts of everyone, and what is notable about each image."""

from dataclasses import dataclass

import numpy as np

from seg.evaluate.cache.mixture import Mixture
from seg.evaluate.cache.passes import Passes
from seg.evaluate.metrics.calibration import Reliability
from seg.evaluate.metrics.confusion import ConfusionMatrix, CountsCC
from seg.evaluate.metrics.segmentation import Figures, SegmentationMetrics, intervals_of, iou_of, mean_iou
from seg.evaluate.report.image_view import ImageView, view_image
from seg.evaluate.report.predictors import Predictors
from seg.evaluate.tune.scorer import CountsICC
from seg.progress import progress


@dataclass(frozen=True, slots=True)
class Score:
    """mIoU of a mixture over all labelled pixels, its 95 % interval, and what an image costs.

    `iou` has each class's IoU and interval, None where it is absent.
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
    """One image: the ensemble's mIoU there and the IoU of each class (None where absent), and doubts.

    `entropy` is the mean over pixels, 0..1; `disputed` the share of pixels on which members differ.
    """

    index: int
    id: str
    miou: float
    iou: tuple[float | None, ...]
    entropy: float
    disputed: float


@dataclass(frozen=True, slots=True)
class Tally:
    """All that was counted. `figures` are the ensemble's in its views."""

    scores: dict[Mixture, Score]
    figures: Figures
    reliability: Reliability
    notes: tuple[ImageNote, ...]


def tally_images(passes: Passes, cast: Predictors) -> Tally:
    """Walk over all images, one in memory at a time."""
    counts: dict[Mixture, list[CountsCC]] = {mixture: [] for mixture in cast.mixtures}
    judge, reliability = SegmentationMetrics(passes.split.classes), Reliability()
    notes: list[ImageNote] = []
    with progress("judge", passes.images, unit="images") as advance:
        for image, sample in enumerate(passes.split.samples):
            look = view_image(passes, cast, image, cast.mixtures)
            for mixture, labels_hw in look.labels.items():
                counts[mixture].append(
                    ConfusionMatrix(passes.classes).add(look.truth_hw, labels_hw).counts_cc
                )
            judge.add(sample.id, look.truth_hw, look.ensemble_hw)
            reliability.add(look.truth_hw, look.probabilities_chw)
            notes.append(_note(image, sample.id, look, judge.counts[-1]))
            advance()
    scores = {mixture: _score(passes, mixture, np.stack(listed)) for mixture, listed in counts.items()}
    return Tally(scores, judge.figures(), reliability, tuple(notes))


def _score(passes: Passes, mixture: Mixture, counts_icc: CountsICC) -> Score:
    counts_cc, intervals = counts_icc.sum(0), intervals_of(counts_icc)
    return Score(
        mixture=mixture,
        counts_icc=counts_icc,
        miou=mean_iou(counts_cc),
        interval=intervals.miou,
        iou=_numbers(counts_cc),
        iou_intervals=intervals.iou,
        milliseconds=mixture.milliseconds(passes.milliseconds),
    )


def _note(image: int, image_id: str, look: ImageView, counts_cc: CountsCC) -> ImageNote:
    return ImageNote(
        index=image,
        id=image_id,
        miou=mean_iou(counts_cc),
        iou=_numbers(counts_cc),
        entropy=float(look.entropy_hw.mean()),
        disputed=float(look.disputed_hw.mean()),
    )


def _numbers(counts_cc: CountsCC) -> tuple[float | None, ...]:
    return tuple(None if np.isnan(value) else float(value) for value in iou_of(counts_cc))
