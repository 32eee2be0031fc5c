"""Scores of all predictors over the split, and of the ensemble on each image, in one loop over the images."""

from collections.abc import Sequence
from dataclasses import dataclass

from seg.evaluate.cache.mixture import Mixture
from seg.evaluate.cache.passes import CachedPasses
from seg.evaluate.metrics.calibration import Reliability
from seg.evaluate.metrics.groups import GroupI, number_groups
from seg.evaluate.metrics.label_map_scores import LabelMapScores
from seg.evaluate.metrics.metric_intervals import class_intervals, metric_interval, tallies_by_group
from seg.evaluate.metrics.overlapping import OverlappingMetrics, OverlappingScores
from seg.evaluate.metrics.ratios import score_or_none
from seg.evaluate.metrics.segmentation import SegmentationMetrics, SegmentationScores
from seg.evaluate.report.image_view import ImageView, view_image
from seg.evaluate.report.predictors import Predictors
from seg.evaluate.report.threshold_scores import ThresholdScores
from seg.labels.task import masks_of
from seg.metrics.metric import Metric, TalliesIC2, TallyC2
from seg.spec.ensemble.metric import MetricSpec
from seg.terminal.progress import progress

Interval = tuple[float, float]


@dataclass(frozen=True, slots=True)
class MixtureScore:
    """The metric of a mixture over all images, its 95 % interval, and the milliseconds of an image.

    `tallies_gc2` are of the groups that intervals resample. `class_scores` and `class_intervals` are of each
    class, None if it is absent.
    """

    mixture: Mixture
    tallies_gc2: TalliesIC2
    value: float
    interval: Interval
    class_scores: tuple[float | None, ...]
    class_intervals: tuple[Interval | None, ...]
    milliseconds: float


@dataclass(frozen=True, slots=True)
class ImageNote:
    """The ensemble's scores on one image: of all classes, of each one (None if absent), and uncertainty.

    `entropy` is the mean over pixels, 0..1; `disputed` the share of pixels on which members differ.
    `is_empty` is whether the image truly shows no class. `missed` and `invented` are the classes that overlap
    of which the image has pixels and the prediction none, and the reverse.
    """

    index: int
    id: str
    score: float
    class_scores: tuple[float | None, ...]
    entropy: float
    disputed: float
    is_empty: bool = False
    missed: tuple[str, ...] = ()
    invented: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class SplitScores:
    """The scores of all mixtures; all else is of the ensemble with its views.

    `reliability` is of the decided class or, where classes overlap, of each class. `by_threshold` has the
    scores of each class that overlaps.
    """

    metric: Metric
    scores: dict[Mixture, MixtureScore]
    metrics: SegmentationScores | OverlappingScores
    reliability: tuple[Reliability, ...]
    notes: tuple[ImageNote, ...]
    by_threshold: tuple[ThresholdScores, ...] = ()


def score_images(
    passes: CachedPasses, predictors: Predictors, units: Sequence[str], metric: MetricSpec
) -> SplitScores:
    """Score all images, one in memory at a time; `units` are what intervals resample, by image."""
    scored = {
        mixture: LabelMapScores(passes.split.classes, passes.ensemble.task, metric, passes.images)
        for mixture in predictors.mixtures
    }
    whole = scored[predictors.ensemble.viewed]
    unit_of = dict(zip((sample.id for sample in passes.split.samples), units, strict=True))
    detail = (
        _OverlappingImageScores(passes, unit_of, metric)
        if passes.overlap
        else _SingleLabelScores(passes, unit_of)
    )
    notes: list[ImageNote] = []
    with progress("judge", passes.images, unit="images") as advance:
        for image, sample in enumerate(passes.split.samples):
            view = view_image(passes, predictors, image, tuple(scored))
            for mixture, labels_hw in view.labels.items():
                scored[mixture].add(image, view.truth_hw, labels_hw)
            detail.add(sample.id, view)
            notes.append(_note_on_image(image, sample.id, view, whole.metric, whole.tallies_ic2[image]))
            advance()
    unit_i = number_groups(units)
    scores = {
        mixture: _score_mixture(passes, mixture, one.metric, one.tallies_ic2, unit_i)
        for mixture, one in scored.items()
    }
    return detail.split_scores(whole.metric, scores, tuple(notes))


class _SingleLabelScores:
    """What is counted of the ensemble where a pixel has one class."""

    def __init__(self, passes: CachedPasses, unit_of: dict[str, str]) -> None:
        self._metrics = SegmentationMetrics(passes.split.classes, unit_of)
        self._reliability = Reliability()

    def add(self, image_id: str, view: ImageView) -> None:
        self._metrics.add(image_id, view.truth_hw, view.ensemble_hw)
        self._reliability.add(view.truth_hw, view.probabilities_chw)

    def split_scores(
        self, metric: Metric, scores: dict[Mixture, MixtureScore], notes: tuple[ImageNote, ...]
    ) -> SplitScores:
        return SplitScores(metric, scores, self._metrics.scores(), (self._reliability,), notes)


class _OverlappingImageScores:
    """What is counted of the ensemble where classes overlap."""

    def __init__(self, passes: CachedPasses, unit_of: dict[str, str], metric: MetricSpec) -> None:
        self._metrics = OverlappingMetrics(passes.split.classes, unit_of)
        self._reliability = tuple(Reliability() for _ in passes.split.classes)
        self._by_threshold = tuple(ThresholdScores(metric) for _ in passes.split.classes)

    def add(self, image_id: str, view: ImageView) -> None:
        self._metrics.add(image_id, view.truth_hw, view.ensemble_hw)
        classes = len(view.probabilities_chw)
        truth_cn = masks_of(view.truth_hw, "multilabel", classes)[:, view.known_hw]
        probabilities_cn = view.probabilities_chw[:, view.known_hw]
        for c in range(classes):
            self._reliability[c].count(probabilities_cn[c], truth_cn[c])
            self._by_threshold[c].add(probabilities_cn[c], truth_cn[c])

    def split_scores(
        self, metric: Metric, scores: dict[Mixture, MixtureScore], notes: tuple[ImageNote, ...]
    ) -> SplitScores:
        metrics = self._metrics.scores()
        return SplitScores(metric, scores, metrics, self._reliability, notes, self._by_threshold)


def _score_mixture(
    passes: CachedPasses, mixture: Mixture, metric: Metric, tallies_ic2: TalliesIC2, unit_i: GroupI
) -> MixtureScore:
    tallies_gc2 = tallies_by_group(tallies_ic2, unit_i)
    value = metric.score(tallies_gc2)
    return MixtureScore(
        mixture=mixture,
        tallies_gc2=tallies_gc2,
        value=value,
        interval=metric_interval(metric, tallies_gc2) or (value, value),
        class_scores=_class_scores_or_none(metric, tallies_gc2),
        class_intervals=class_intervals(metric, tallies_gc2),
        milliseconds=mixture.milliseconds(passes.milliseconds),
    )


def _note_on_image(
    image: int, image_id: str, view: ImageView, metric: Metric, tally_c2: TallyC2
) -> ImageNote:
    return ImageNote(
        index=image,
        id=image_id,
        score=metric.score(tally_c2[None]),
        class_scores=tuple(
            score if is_there else None
            for score, is_there in zip(
                _class_scores_or_none(metric, tally_c2[None]), view.is_there, strict=True
            )
        ),
        entropy=float(view.entropy_hw.mean()),
        disputed=float(view.disputed_hw.mean()),
        is_empty=view.is_empty,
        missed=view.missed,
        invented=view.invented,
    )


def _class_scores_or_none(metric: Metric, tallies_ic2: TalliesIC2) -> tuple[float | None, ...]:
    scores_c = metric.class_scores(tallies_ic2)
    return tuple(score_or_none(score) for score in scores_c)
