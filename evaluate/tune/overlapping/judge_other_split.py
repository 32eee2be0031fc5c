"""Mixtures and rules of overlapping classes, scored on another labelled split."""

from seg.data import open_split
from seg.evaluate.cache.passes import open_cached_passes
from seg.evaluate.cache.store import ProbabilityCache
from seg.evaluate.tune.evidence.judge_split import CHOSEN, SplitJudgement, judgement_of_split
from seg.evaluate.tune.open_fitted_on import with_dropped_members
from seg.evaluate.tune.overlapping.judge_decisions import MixtureAndRules, judge_decisions
from seg.evaluate.tune.overlapping.tune import TunedOverlapping
from seg.metrics.open_metric import open_metric
from seg.spec import EnsembleSpec
from seg.spec.dataset.dataset import SplitName


def judge_overlapping_on_split(
    spec: EnsembleSpec, tuned: TunedOverlapping, name: SplitName, cache: ProbabilityCache
) -> SplitJudgement:
    """Score what was chosen on a split that it was not fitted on, beside mixtures with their best thresholds.

    Raises:
        DataError: the dataset has no such split, or it has no labels.
        ModelError, MissingRuntimeError: a member cannot be run.
    """
    split = open_split(spec.data, name)
    passes = open_cached_passes(with_dropped_members(spec), split, cache)
    metric = open_metric(spec.metric, split.classes, spec.data.task)
    of_members = tuned.passes.of_members
    mixtures = tuned.mixtures
    compared = {one.name: one for one in (mixtures.single, mixtures.equal)}
    decided = {name: MixtureAndRules(of_members(one.mixture), one.rules) for name, one in compared.items()}
    decided[CHOSEN] = MixtureAndRules(tuned.written, tuned.rules)
    judged = judge_decisions(passes, metric, {name: [one] * passes.images for name, one in decided.items()})
    return judgement_of_split(spec, name, split.samples, judged.tallies, over=mixtures.equal.name)
