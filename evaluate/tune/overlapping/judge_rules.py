"""Rules of classes for a mixture, judged on groups left out: thresholds, then areas, then emptiness."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from typing import Final

import numpy as np
from numpy.typing import NDArray

from seg.evaluate.cache.labelled_passes import LabelledPasses
from seg.evaluate.cache.mixture import Mixture
from seg.evaluate.tune.overlapping.fit_rules import rule_fits_in_order, with_fitted_rule
from seg.evaluate.tune.overlapping.judge_decisions import MixtureAndRules, Rules, judge_decisions
from seg.evaluate.tune.overlapping.region_table import Fit, count_regions
from seg.evaluate.tune.overlapping.tuning_images import TuningImages
from seg.labels.label_map import ProbabilitiesCHW
from seg.labels.task import MasksCHW, ignored_in, masks_of
from seg.metrics.metric import MaskHW
from seg.terminal.progress import progress

HALF: Final = "thresholds of 0.5"


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


def judge_rules(images: TuningImages, mixture: Mixture, kinds: int | None) -> tuple[JudgedRules, ...]:
    """The rules of so many kinds, the simplest first; of all kinds if that is None.

    A kind is kept if it gains more than its standard error over what was kept before.
    """
    passes, metric = images.passes, images.metric
    tables = count_regions(_merged_images(passes, mixture), passes.classes, passes.labels(0).size)
    fits = dict(list(rule_fits_in_order(metric.tallies).items())[:kinds])

    def fitted(fit: Fit, chosen_i: NDArray[np.bool_]) -> Rules:
        found = (fit(table.of_images(chosen_i)) for table in tables)
        return tuple(with_fitted_rule(rule, one) for rule, one in zip(images.given, found, strict=True))

    by_image = {HALF: [images.given] * passes.images}
    by_image |= {name: images.fit_left_out(partial(fitted, fit)) for name, fit in fits.items()}
    judged = judge_decisions(
        passes,
        metric.metric,
        {name: [MixtureAndRules(mixture, rules) for rules in rules_i] for name, rules_i in by_image.items()},
    )
    steps = [JudgedRules(HALF, images.given, images.score(judged.tallies[HALF]), 0.0, 0.0, True)]
    for name, fit in fits.items():
        kept = judged.tallies[[step.name for step in steps if step.is_kept][-1]]
        gain, error = images.gain(judged.tallies[name], kept)
        # Where empty masks score 1, rules that predict nothing can be the best of a few images.
        is_kept = gain > error and name in judged.predicting
        rules = fitted(fit, np.ones(passes.images, np.bool_))
        steps.append(JudgedRules(name, rules, images.score(judged.tallies[name]), gain, error, is_kept))
    return tuple(steps)


def _merged_images(
    passes: LabelledPasses, mixture: Mixture
) -> Iterator[tuple[ProbabilitiesCHW, MasksCHW, MaskHW]]:
    """Merged probabilities, true masks and labelled pixels of all images."""
    with progress("count regions", passes.images, unit="images") as advance:
        for image in range(passes.images):
            labels_hw = passes.labels(image)
            labelled_hw = ~ignored_in(labels_hw, "multilabel", passes.classes)
            truth_chw = masks_of(labels_hw, "multilabel", passes.classes)
            yield passes.cached_image(image).merged(mixture), truth_chw, labelled_hw
            advance()
