"""Mixtures of members, judged on groups left out with the best thresholds of the other groups."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial

import numpy as np

from seg.errors import SpecError
from seg.evaluate.cache.mixture import Mixture, Views
from seg.evaluate.tune.evidence.candidates import EQUAL, SINGLE, LeftOutScores, left_out_scores
from seg.evaluate.tune.evidence.choose_departure import ERRORS
from seg.evaluate.tune.fits.useful_views import without_harmful_views
from seg.evaluate.tune.overlapping.judge_decisions import NOTHING, Rules, judge_decisions
from seg.evaluate.tune.overlapping.mixtures import ALONE, BY_SCORE, CALIBRATED, list_mixtures
from seg.evaluate.tune.overlapping.sampled_members import SampledPasses
from seg.evaluate.tune.overlapping.tuning_images import TuningImages
from seg.evaluate.tune.overlapping.whole_counts import best_threshold, count_mixtures
from seg.metrics.image_tallies import ImageTallies


@dataclass(frozen=True, slots=True)
class JudgedMixture:
    """A mixture with its best thresholds, fitted on all images; `left_out` is of groups left out of fits."""

    name: str
    mixture: Mixture
    rules: Rules
    left_out: LeftOutScores


@dataclass(frozen=True, slots=True)
class JudgedMixtures:
    """All that are compared, by name, and the one that is chosen; `nothing` is the score of empty masks."""

    nothing: float
    by_name: Mapping[str, JudgedMixture]
    chosen: JudgedMixture

    @property
    def equal(self) -> JudgedMixture:
        """Equal weights; of one member, that in its useful views."""
        return self.by_name[EQUAL if EQUAL in self.by_name else ALONE]

    @property
    def single(self) -> JudgedMixture:
        """The best member."""
        return self.by_name.get(SINGLE, self.equal)


def judge_mixtures(images: TuningImages, sampled: SampledPasses) -> JudgedMixtures:
    """Judge mixtures in the useful views, and choose one; raises SpecError if there is nothing to judge."""
    views = _useful_views_by_threshold(images, sampled)
    candidates = list_mixtures(sampled, views, images.criterion)
    whole = {one.name: one.fit_mixture(images.group_i) for one in candidates}
    counts = count_mixtures(images.passes, list(whole.values()))
    tallies = images.metric.tallies
    deciding = {
        one.name: images.fit_left_out(
            partial(one.fit_decision, images.group_i, counts_c, tallies, images.given)
        )
        for one, counts_c in zip(candidates, counts, strict=True)
    }
    judged = judge_decisions(images.passes, images.metric.metric, deciding).tallies
    if np.isnan(nothing := images.score(judged[NOTHING])):
        raise SpecError(f"metric: {images.metric.metric.name}: had nothing to judge in any image")
    equal = judged[EQUAL if EQUAL in judged else ALONE]
    by_name = {
        name: JudgedMixture(
            name,
            mixture,
            tuple(
                rule.model_copy(update={"threshold": best_threshold(of_class, tallies)})
                for rule, of_class in zip(images.given, counts_c, strict=True)
            ),
            left_out_scores(judged[name], equal, images.group_i, images.criterion),
        )
        for (name, mixture), counts_c in zip(whole.items(), counts, strict=True)
    }
    return JudgedMixtures(nothing, by_name, by_name[_choose_judged_mixture(images, judged)])


def _choose_judged_mixture(images: TuningImages, judged: Mapping[str, ImageTallies]) -> str:
    """Weights by score, with temperatures if these gain more than so many of their standard errors."""
    if BY_SCORE not in judged:
        return ALONE
    gain, error = images.gain(judged[CALIBRATED], judged[BY_SCORE])
    return CALIBRATED if gain > ERRORS * error else BY_SCORE


def _useful_views_by_threshold(images: TuningImages, sampled: SampledPasses) -> tuple[Views, ...]:
    """Each member's views without those that lower its score with the best thresholds."""

    def useful_of(member: int) -> Views:
        def judge(seen: Views) -> ImageTallies:
            return sampled.members({member: seen}).judge(np.ones(1))

        return without_harmful_views(sampled.views[member], judge, images.group_i)

    return tuple(map(useful_of, range(len(sampled.views))))
