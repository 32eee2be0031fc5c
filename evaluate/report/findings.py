"""The findings of a report: all measurements of an ensemble, from cached passes."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from seg.data import open_split
from seg.engine.pipeline.timing import Stage
from seg.evaluate.cache.passes import TIMED, Passes, open_passes
from seg.evaluate.cache.store import ProbabilityCache
from seg.evaluate.metrics.segmentation import paired_interval
from seg.evaluate.report.image_scores import Score, SplitScores, score_images
from seg.evaluate.report.latency import time_stages
from seg.evaluate.report.predictors import Predictor, Predictors, predictors_of, with_upright_views
from seg.evaluate.tune.cost.importance import MemberValue, disagreement, value_members
from seg.evaluate.tune.cost.sub_ensembles import SubEnsemble, pareto_front, price_sub_ensembles
from seg.evaluate.tune.scorer import sample_pixels
from seg.labels.classes import ClassInfo
from seg.models.card import ModelCard
from seg.runs import read_curves
from seg.spec import EnsembleSpec

Curves = dict[str, list[float]]


@dataclass(frozen=True, slots=True)
class Findings:
    """All measurements of an ensemble.

    Attributes:
        values: the importance of each member, on a few thousand pixels an image, as in `seg tune`.
        disagreement: the share of pixels on which two members differ, float64 `[M, M]`.
        candidates: sub-ensembles; `front` is their Pareto front.
        stages: the share of each stage in the engine's work.
        curves: the values of each epoch, by member; empty for members without a run.
        cards: of the members' models.
    """

    passes: Passes
    predictors: Predictors
    scores: SplitScores
    values: tuple[MemberValue, ...]
    disagreement: NDArray[np.float64]
    candidates: tuple[SubEnsemble, ...]
    front: tuple[SubEnsemble, ...]
    stages: dict[Stage, float]
    curves: dict[str, Curves]
    cards: tuple[ModelCard, ...]

    @property
    def classes(self) -> tuple[ClassInfo, ...]:
        return self.passes.split.classes

    @property
    def best(self) -> Predictor:
        """The member with the highest mIoU without views."""
        return max(self.predictors.members, key=lambda member: self.plain(member).miou)

    def plain(self, predictor: Predictor) -> Score:
        return self.scores.scores[predictor.plain]

    def viewed(self, predictor: Predictor) -> Score:
        return self.scores.scores[predictor.viewed]

    def gain(self, over: Score) -> tuple[float, float, float]:
        """The gain in mIoU of the ensemble with its views, with the 95 % interval."""
        return paired_interval(list(over.counts_icc), list(self.viewed(self.predictors.ensemble).counts_icc))


def measure_ensemble(spec: EnsembleSpec, cache: ProbabilityCache) -> Findings:
    """Measure an ensemble on the validation images; passes that are not cached are computed.

    Raises:
        DataError: an image or its labels cannot be read.
        ModelError, MissingRuntimeError: a member cannot be run.
    """
    split = open_split(spec.data, "val")
    passes = open_passes(with_upright_views(spec), split, cache)
    predictors = predictors_of(spec, passes)
    scorer = sample_pixels(passes)
    whole = predictors.ensemble.viewed
    candidates = tuple(price_sub_ensembles(scorer, whole, passes.milliseconds))
    return Findings(
        passes=passes,
        predictors=predictors,
        scores=score_images(passes, predictors),
        values=tuple(value_members(scorer, whole)),
        disagreement=disagreement(scorer),
        candidates=candidates,
        front=tuple(pareto_front(candidates)),
        stages=time_stages(passes.ensemble, split.samples[:TIMED]),
        curves=_curves(spec),
        cards=tuple(member.card for member in passes.ensemble.members),
    )


def _curves(spec: EnsembleSpec) -> dict[str, Curves]:
    """The training curves of the members' runs."""
    return {member.name: read_curves(spec.model(member).parent) for member in spec.running}
