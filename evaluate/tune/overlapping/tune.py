"""`seg tune` for classes that overlap: weights of members, then the rules of classes, for the spec's metric.

Everything is fitted on the validation images and judged on groups that were left out of the fit. A kind of
rule is kept if it gains more than its standard error over what was kept before.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Final

import numpy as np
from numpy.typing import NDArray

from seg.data import open_split
from seg.data.groups import Groups, group_images
from seg.engine.decision.postprocess import above_thresholds, postprocess
from seg.errors import DataError, SpecError
from seg.evaluate.cache.mixture import Mixture
from seg.evaluate.cache.passes import Passes, open_passes
from seg.evaluate.cache.store import ProbabilityCache
from seg.evaluate.metrics.groups import GroupI, number_groups
from seg.evaluate.tune.evidence.by_group import blocks, fold_groups
from seg.evaluate.tune.evidence.candidates import EQUAL
from seg.evaluate.tune.evidence.choose_departure import ENOUGH_GROUPS
from seg.evaluate.tune.fits.departures import DIGITS
from seg.evaluate.tune.overlapping.fit_rules import steps_of, with_fitted
from seg.evaluate.tune.overlapping.left_out import fit_without_each, gain_over
from seg.evaluate.tune.overlapping.mixtures import fits_of_weights, judge_weights
from seg.evaluate.tune.overlapping.region_table import Fit, count_regions
from seg.evaluate.tune.overlapping.sampled_members import SampledMembers, sample_members
from seg.evaluate.tune.tune import MIN_IMAGES, with_dropped_members
from seg.labels.label_map import ProbabilitiesCHW
from seg.labels.task import MasksCHW, ignored_in, masks_of
from seg.metrics.from_counts import Tallies, open_counted
from seg.metrics.metric import Metric, TalliesIC2, TallyC2
from seg.spec import EnsembleSpec
from seg.spec.ensemble.decision import ClassRule, rules_of
from seg.terminal.progress import progress

HALF: Final = "thresholds of 0.5"

Rules = tuple[ClassRule, ...]


@dataclass(frozen=True, slots=True)
class JudgedMixture:
    """Weights, and the score of sampled pixels of groups left out, with the best thresholds of the others."""

    name: str
    mixture: Mixture
    left_out: float


@dataclass(frozen=True, slots=True)
class JudgedRules:
    """Rules of the classes, fitted on all images.

    Attributes:
        left_out: the score of groups that were left out of the fit, of all pixels.
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
    """What was compared, and the best of it: `mixture` and `rules`."""

    passes: Passes
    groups: Groups
    metric: Metric
    mixtures: tuple[JudgedMixture, ...]
    mixture: JudgedMixture
    steps: tuple[JudgedRules, ...]

    @property
    def rules(self) -> Rules:
        return [step for step in self.steps if step.is_kept][-1].rules


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
    metric, tallies = counted.metric, counted.tallies
    passes = open_passes(with_dropped_members(spec), split, cache)
    groups = group_images(split.samples, spec.data.group)
    group_i = number_groups(groups.labels)
    if groups.count == 1:
        group_i = blocks(len(group_i))
    mixtures = _judge_mixtures(sample_members(passes, metric.weights_c), passes, metric, tallies, group_i)
    mixture = max(mixtures, key=lambda one: (one.left_out, one.name == EQUAL))
    given = tuple(with_fitted(rule, ClassRule()) for rule in rules_of(spec.decision, split.classes))
    kinds = None if groups.count >= ENOUGH_GROUPS else 1
    steps = _judge_rules(passes, mixture.mixture, given, metric, tallies, group_i, kinds)
    return TunedOverlapping(passes, groups, metric, mixtures, mixture, steps)


def _judge_mixtures(
    members: SampledMembers, passes: Passes, metric: Metric, tallies: Tallies, group_i: GroupI
) -> tuple[JudgedMixture, ...]:
    fold_i = fold_groups(group_i)
    return tuple(
        JudgedMixture(
            name,
            Mixture.of(fit(members).round(DIGITS).tolist(), passes.views),
            metric.score(judge_weights(members, fit, fold_i, tallies)),
        )
        for name, fit in fits_of_weights(tallies, members.members).items()
    )


def _judge_rules(
    passes: Passes,
    mixture: Mixture,
    given: Rules,
    metric: Metric,
    tallies: Tallies,
    group_i: GroupI,
    kinds: int | None,
) -> tuple[JudgedRules, ...]:
    """The rules of so many kinds, the simplest first; `given` has what is not fitted."""
    images = _merged_images(passes, mixture, "count regions")
    tables = count_regions(images, passes.classes, passes.labels(0).size)
    fits = dict(list(steps_of(tallies).items())[:kinds])
    fold_i = fold_groups(group_i)

    def fitted(fit: Fit, chosen_i: NDArray[np.bool_]) -> Rules:
        found = (fit(table.of_images(chosen_i)) for table in tables)
        return tuple(with_fitted(rule, one) for rule, one in zip(given, found, strict=True))

    by_image = {HALF: [given] * len(fold_i)}
    for name, fit in fits.items():
        without_fold = fit_without_each(fold_i, partial(fitted, fit))
        by_image[name] = [without_fold[fold] for fold in fold_i]
    judged, predicts = _decide_all(passes, mixture, metric, by_image)
    if np.isnan(start := metric.score(judged[HALF])):
        raise SpecError(f"metric: {metric.name}: had nothing to judge in any image")
    steps = [JudgedRules(HALF, given, start, 0.0, 0.0, True)]
    for name, fit in fits.items():
        kept = [step.name for step in steps if step.is_kept][-1]
        gain, error = gain_over(metric, judged[name], judged[kept], group_i)
        rules = fitted(fit, np.ones(len(group_i), np.bool_))
        # Where empty masks score 1, rules that predict nothing can be the best of a few images.
        is_kept = gain > error and name in predicts
        steps.append(JudgedRules(name, rules, metric.score(judged[name]), gain, error, is_kept))
    return tuple(steps)


def _decide_all(
    passes: Passes, mixture: Mixture, metric: Metric, by_image: Mapping[str, Sequence[Rules]]
) -> tuple[dict[str, TalliesIC2], set[str]]:
    """Tallies of all images, each decided by its own rules; and which rules predict anything at all."""
    tallies: dict[str, list[TallyC2]] = {name: [] for name in by_image}
    predicts: set[str] = set()
    for image, (probabilities_chw, truth_chw) in enumerate(_merged_images(passes, mixture, "judge")):
        labelled_hw = ~ignored_in(passes.labels(image), "multilabel", passes.classes)
        for name, rules in by_image.items():
            masks_chw = above_thresholds(probabilities_chw, rules[image])
            decided_chw = postprocess(masks_chw, probabilities_chw, rules[image])
            tallies[name].append(metric.tally_masks(truth_chw, decided_chw, labelled_hw))
            if decided_chw.any():
                predicts.add(name)
    return {name: np.stack(listed) for name, listed in tallies.items()}, predicts


def _merged_images(
    passes: Passes, mixture: Mixture, what: str
) -> Iterator[tuple[ProbabilitiesCHW, MasksCHW]]:
    """Merged probabilities and true masks of all images."""
    with progress(what, passes.images, unit="images") as advance:
        for image in range(passes.images):
            truth_chw = masks_of(passes.labels(image), "multilabel", passes.classes)
            yield passes.cached_image(image).merged(mixture), truth_chw
            advance()
