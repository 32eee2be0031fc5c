"""`seg tune` for classes that overlap: views and weights of members, then the rules of classes.

Everything is fitted on the validation images and judged by the spec's metric on groups that were left out of
the fit. A kind of rule is kept if it gains more than its standard error over what was kept before.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from typing import Final

import numpy as np
from numpy.typing import NDArray

from seg.data import open_split
from seg.data.groups import Groups, group_images
from seg.errors import DataError, SpecError
from seg.evaluate.cache.mixture import Mixture, Views
from seg.evaluate.cache.passes import Passes, open_passes
from seg.evaluate.cache.store import ProbabilityCache
from seg.evaluate.metrics.groups import GroupI, number_groups
from seg.evaluate.tune.evidence.by_group import blocks, error_of_gain, fold_groups
from seg.evaluate.tune.evidence.candidates import EQUAL, SINGLE
from seg.evaluate.tune.evidence.choose_departure import ENOUGH_GROUPS
from seg.evaluate.tune.fits.useful_views import without_harmful
from seg.evaluate.tune.overlapping.fit_rules import steps_of, with_fitted
from seg.evaluate.tune.overlapping.judge_decisions import NOTHING, Decided, Rules, judge_decisions
from seg.evaluate.tune.overlapping.left_out import fit_without_each
from seg.evaluate.tune.overlapping.mixtures import list_mixtures
from seg.evaluate.tune.overlapping.region_table import Fit, count_regions
from seg.evaluate.tune.overlapping.sampled_members import SampledPasses, sample_passes
from seg.evaluate.tune.overlapping.whole_counts import count_mixtures
from seg.evaluate.tune.tune import MIN_IMAGES, with_dropped_members
from seg.labels.label_map import ProbabilitiesCHW
from seg.labels.task import MasksCHW, masks_of
from seg.metrics.from_counts import CountedMetric, open_counted
from seg.metrics.image_tallies import ImageTallies
from seg.metrics.metric import Metric
from seg.spec import EnsembleSpec
from seg.spec.ensemble.decision import ClassRule, rules_of
from seg.terminal.progress import progress

HALF: Final = "thresholds of 0.5"


@dataclass(frozen=True, slots=True)
class JudgedMixture:
    """Members, views and weights, and the score of groups left out with the best thresholds of the others."""

    name: str
    mixture: Mixture
    left_out: float


@dataclass(frozen=True, slots=True)
class JudgedRules:
    """Rules of the classes, fitted on all images.

    Attributes:
        left_out: the score of groups that were left out of the fit.
        gain: of that over the rules that were kept before, with its standard error across groups.
    """

    name: str
    rules: Rules
    left_out: float
    gain: float
    error: float
    is_kept: bool


@dataclass(frozen=True, slots=True)
class TunedOverlapping:
    """What was compared, and the best of it: `mixture` and `rules`.

    Attributes:
        nothing: the score of empty masks in all images.
    """

    passes: Passes
    groups: Groups
    metric: Metric
    nothing: float
    mixtures: tuple[JudgedMixture, ...]
    mixture: JudgedMixture
    steps: tuple[JudgedRules, ...]

    @property
    def kept(self) -> tuple[JudgedRules, ...]:
        """The steps that were kept, in their order."""
        return tuple(step for step in self.steps if step.is_kept)

    @property
    def rules(self) -> Rules:
        return self.kept[-1].rules

    @property
    def left_out(self) -> float:
        """The score of groups left out by what was kept."""
        return self.kept[-1].left_out

    @property
    def beats_nothing(self) -> bool:
        """Whether it scores more than empty masks."""
        return self.left_out > self.nothing


def tune_overlapping(spec: EnsembleSpec, cache: ProbabilityCache) -> TunedOverlapping:
    """Find the mixture and the rules that are expected to be best on other groups of images.

    Raises:
        SpecError: the metric cannot be used, or an image has no group.
        DataError: the validation split has no labels or too few images.
        ModelError, MissingRuntimeError: a member cannot be run.
    """
    split = open_split(spec.data, "val")
    if len(split.samples) < MIN_IMAGES:
        raise DataError(
            f"data.val: has {len(split.samples)} images, too few to fit on some and score on others:"
            f" give it at least {MIN_IMAGES}"
        )
    counted = open_counted(spec.metric, split.classes, spec.data.task)
    passes = open_passes(with_dropped_members(spec), split, cache)
    groups = group_images(split.samples, spec.data.group)
    group_i = number_groups(groups.labels)
    if groups.count == 1:
        group_i = blocks(len(group_i))
    given = tuple(with_fitted(rule, ClassRule()) for rule in rules_of(spec.decision, split.classes))
    kinds = None if groups.count >= ENOUGH_GROUPS else 1
    nothing, mixtures = _judge_mixtures(passes, given, counted, group_i)

    def with_rules(mixture: JudgedMixture) -> TunedOverlapping:
        steps = _judge_rules(passes, mixture.mixture, given, counted, group_i, kinds)
        return TunedOverlapping(passes, groups, counted.metric, nothing, mixtures, mixture, steps)

    tuned = with_rules(max(mixtures, key=lambda one: (one.left_out, one.name == EQUAL)))
    single = next((one for one in mixtures if one.name == SINGLE), tuned.mixture)
    if tuned.left_out < single.left_out:  # Its thresholds were not kept.
        tuned = max(tuned, with_rules(single), key=lambda one: one.left_out)
    return tuned


def _judge_mixtures(
    passes: Passes, given: Rules, counted: CountedMetric, group_i: GroupI
) -> tuple[float, tuple[JudgedMixture, ...]]:
    """The score of nothing predicted, and what mixtures score with thresholds that are fitted with them."""
    sampled = sample_passes(passes, counted.metric.weights_c)
    views = _useful_views(sampled, passes.views, counted, group_i)
    candidates = list_mixtures(sampled, passes.views, views, counted.tallies)
    fold_i = fold_groups(group_i)
    counts = count_mixtures(passes, [one.mixture for one in candidates])
    deciding = {
        one.name: fit_without_each(fold_i, partial(one.fit_on, counts_c, counted.tallies, given))
        for one, counts_c in zip(candidates, counts, strict=True)
    }
    judged = judge_decisions(passes, counted.metric, deciding).tallies
    if np.isnan(nothing := judged[NOTHING].score):
        raise SpecError(f"metric: {counted.metric.name}: had nothing to judge in any image")
    return nothing, tuple(JudgedMixture(one.name, one.mixture, judged[one.name].score) for one in candidates)


def _useful_views(
    sampled: SampledPasses, views: tuple[Views, ...], counted: CountedMetric, group_i: GroupI
) -> tuple[Views, ...]:
    """Each member's views without those that lower its score with the best thresholds."""

    def useful_of(member: int) -> Views:
        def judge(seen: Views) -> ImageTallies:
            alone = sampled.members({member: seen})
            return ImageTallies(counted.metric, alone.tallies_at_best(np.ones(1), counted.tallies))

        return without_harmful(views[member], judge, group_i)

    return tuple(map(useful_of, range(len(views))))


def _judge_rules(
    passes: Passes,
    mixture: Mixture,
    given: Rules,
    counted: CountedMetric,
    group_i: GroupI,
    kinds: int | None,
) -> tuple[JudgedRules, ...]:
    """The rules of so many kinds, the simplest first; `given` has what is not fitted."""
    images = _merged_images(passes, mixture)
    tables = count_regions(images, passes.classes, passes.labels(0).size)
    fits = dict(list(steps_of(counted.tallies).items())[:kinds])
    fold_i = fold_groups(group_i)

    def fitted(fit: Fit, chosen_i: NDArray[np.bool_]) -> Rules:
        found = (fit(table.of_images(chosen_i)) for table in tables)
        return tuple(with_fitted(rule, one) for rule, one in zip(given, found, strict=True))

    by_image = {HALF: [given] * len(fold_i)}
    by_image |= {name: fit_without_each(fold_i, partial(fitted, fit)) for name, fit in fits.items()}
    judged = judge_decisions(
        passes,
        counted.metric,
        {name: [Decided(mixture, rules) for rules in rules_i] for name, rules_i in by_image.items()},
    )
    steps = [JudgedRules(HALF, given, judged.tallies[HALF].score, 0.0, 0.0, True)]
    for name, fit in fits.items():
        kept = judged.tallies[[step.name for step in steps if step.is_kept][-1]]
        gain = judged.tallies[name].score - kept.score
        error = error_of_gain(judged.tallies[name], kept, group_i)
        # Where empty masks score 1, rules that predict nothing can be the best of a few images.
        is_kept = gain > error and name in judged.predicting
        rules = fitted(fit, np.ones(len(group_i), np.bool_))
        steps.append(JudgedRules(name, rules, judged.tallies[name].score, gain, error, is_kept))
    return tuple(steps)


def _merged_images(passes: Passes, mixture: Mixture) -> Iterator[tuple[ProbabilitiesCHW, MasksCHW]]:
    """Merged probabilities and true masks of all images."""
    with progress("count regions", passes.images, unit="images") as advance:
        for image in range(passes.images):
            truth_chw = masks_of(passes.labels(image), "multilabel", passes.classes)
            yield passes.cached_image(image).merged(mixture), truth_chw
            advance()
