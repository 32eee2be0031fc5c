"""Scores of mixtures on another labelled split, over equal weights and group by group."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from seg.data import Sample, open_split
from seg.data.groups import Groups, group_images
from seg.evaluate.cache.mixture import Mixture
from seg.evaluate.cache.passes import CachedPasses, open_cached_passes
from seg.evaluate.cache.store import ProbabilityCache
from seg.evaluate.metrics.groups import number_groups
from seg.evaluate.tune.evidence.by_group import gain_error_across_groups, score_of_worst_group
from seg.evaluate.tune.evidence.candidates import EQUAL, SINGLE
from seg.evaluate.tune.open_fitted_on import with_dropped_members
from seg.evaluate.tune.tune import TuningResult
from seg.evaluate.tune.whole_maps import WholeMaps
from seg.metrics.from_counts import open_counted_metric
from seg.metrics.image_tallies import ImageTallies
from seg.metrics.metric import Metric
from seg.spec import EnsembleSpec
from seg.spec.dataset.dataset import SplitName
from seg.terminal.progress import progress

CHOSEN: Final = "chosen"


@dataclass(frozen=True, slots=True)
class JudgedScores:
    """The metric's score; its gain over equal weights with its standard error across groups; and that of the
    worst group. The error is infinite for one group.
    """

    score: float
    gain: float
    error: float
    worst: float


@dataclass(frozen=True, slots=True)
class SplitJudgement:
    """The groups of the split's images, and the scores of each mixture by name, by a metric."""

    split: SplitName
    metric: str
    groups: Groups
    scores: Mapping[str, JudgedScores]


def judge_tuned_on_split(
    spec: EnsembleSpec, tuned: TuningResult, name: SplitName, cache: ProbabilityCache
) -> SplitJudgement:
    """Score the chosen mixture on a split that it was not fitted on; raises as `judge_split`."""
    of_members = tuned.passes.of_members
    mixtures = {
        SINGLE: of_members(tuned.candidates[SINGLE].mixture),
        EQUAL: of_members(tuned.equal.mixture),
        CHOSEN: tuned.written,
    }
    return judge_split(with_dropped_members(spec), mixtures, name, cache)


def judge_split(
    spec: EnsembleSpec, mixtures: Mapping[str, Mixture], name: SplitName, cache: ProbabilityCache
) -> SplitJudgement:
    """Score mixtures of a spec's members with weight on a split; equal weights are among them.

    Raises:
        DataError: the dataset has no such split, or it has no labels.
        ModelError, MissingRuntimeError: a member cannot be run.
    """
    split = open_split(spec.data, name)
    passes = open_cached_passes(spec, split, cache)
    metric = open_counted_metric(spec.metric, split.classes, spec.data.task)
    if passes.overlap:
        judged = _judge_overlapping_mixtures(passes, metric.metric, list(mixtures.values()))
    else:
        whole_maps = WholeMaps(passes, metric, tuple(range(passes.images)))
        judged = whole_maps.judge([[mixture] * passes.images for mixture in mixtures.values()])
    return judgement_of_split(spec, name, split.samples, dict(zip(mixtures, judged, strict=True)))


def judgement_of_split(
    spec: EnsembleSpec,
    name: SplitName,
    samples: Sequence[Sample],
    by_name: Mapping[str, ImageTallies],
    over: str = EQUAL,
) -> SplitJudgement:
    """The scores of a split's images by tallies of several mixtures, and their gains over one of these."""
    groups = group_images(samples, spec.data.group)
    group_i = number_groups(groups.labels)
    return SplitJudgement(
        name,
        spec.metric.title,
        groups,
        {
            one: JudgedScores(
                tallies.score,
                tallies.score - by_name[over].score,
                gain_error_across_groups(tallies, by_name[over], group_i),
                score_of_worst_group(tallies, group_i),
            )
            for one, tallies in by_name.items()
        },
    )


def _judge_overlapping_mixtures(
    passes: CachedPasses, metric: Metric, mixtures: Sequence[Mixture]
) -> list[ImageTallies]:
    """The tallies of all images for each mixture, decided by the spec's rules."""
    decision, tallies = passes.ensemble.decision(), []
    with progress("judge", passes.images, unit="images") as advance:
        for image in range(passes.images):
            cached_image, truth_hw = passes.cached_image(image), passes.labels(image)
            maps = (decision.labels(cached_image.merged(mixture)) for mixture in mixtures)
            tallies.append([metric.tally(truth_hw, labels_hw) for labels_hw in maps])
            advance()
    return [ImageTallies(metric, np.stack(one)) for one in zip(*tallies, strict=True)]
