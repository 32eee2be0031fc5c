"""All that the report of an ensemble shows, from passes that the cache keeps."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from seg.card import ModelCard
from seg.classes import ClassInfo
from seg.data import open_split
from seg.engine.pipeline.timing import Stage
from seg.evaluate.cache.passes import TIMED, Passes, gather_passes
from seg.evaluate.cache.store import ProbabilityCache
from seg.evaluate.metrics.segmentation import paired_interval
from seg.evaluate.report.image_scores import Score, Tally, tally_images
from seg.evaluate.report.latency import time_stages
from seg.evaluate.report.predictors import Predictor, Predictors, predictors_of, with_upright_views
from seg.evaluate.tune.importance import (
    MemberValue,
    SubEnsemble,
    disagreement,
    pareto_front,
    price_sub_ensembles,
    value_members,
)
from seg.evaluate.tune.scorer import sample_pixels
from seg.runs import read_curves
from seg.spec import EnsembleSpec

Curves = dict[str, list[float]]


@dataclass(frozen=True, slots=True)
class Findings:
    """What is known of an ensemble.

    Attributes:
        values: what each member is worth; of a few thousand pixels an image, as those of `seg tune`.
        disagreement: the share of pixels on which two members differ, float64 `[M, M]`.
        candidates: sub-ensembles, of which the `front` are those that nothing cheaper equals.
        stages: the share of each stage in the engine's work.
        curves: the figures of each epoch, by member; none of those whose run is not there.
        cards: of the members' models.
    """

    passes: Passes
    cast: Predictors
    tally: Tally
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
        """The member with the highest mIoU on the images as they are."""
        return max(self.cast.members, key=lambda member: self.plain(member).miou)

    def plain(self, predictor: Predictor) -> Score:
        return self.tally.scores[predictor.plain]

    def viewed(self, predictor: Predictor) -> Score:
        return self.tally.scores[predictor.viewed]

    def gain(self, over: Score) -> tuple[float, float, float]:
        """By how much the ensemble in its views has a higher mIoU, with the 95 % interval."""
        return paired_interval(list(over.counts_icc), list(self.viewed(self.cast.ensemble).counts_icc))


def gather_findings(spec: EnsembleSpec, cache: ProbabilityCache) -> Findings:
    """Find out all of it on the validation images; computes what the cache lacks.

    Raises:
        DataError: an image or its labels cannot be read.
        ModelError, MissingRuntimeError: a member cannot be run.
    """
    split = open_split(spec.data, "val")
    passes = gather_passes(with_upright_views(spec), split, cache)
    cast = predictors_of(spec, passes)
    scorer = sample_pixels(passes)
    whole = cast.ensemble.viewed
    candidates = tuple(price_sub_ensembles(scorer, whole, passes.milliseconds))
    return Findings(
        passes=passes,
        cast=cast,
        tally=tally_images(passes, cast),
        values=tuple(value_members(scorer, whole)),
        disagreement=disagreement(scorer),
        candidates=candidates,
        front=tuple(pareto_front(candidates)),
        stages=time_stages(passes.ensemble, split.samples[:TIMED]),
        curves=_curves(spec),
        cards=tuple(member.card for member in passes.ensemble.members),
    )


def _curves(spec: EnsembleSpec) -> dict[str, Curves]:
    """Of the runs whose models the members are."""
    return {member.name: read_curves(spec.model(member).parent) for member in spec.running}
