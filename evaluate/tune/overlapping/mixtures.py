"""Which members, with which weights and temperatures: fitted on sampled pixels, together with thresholds."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, partial
from typing import Final

import numpy as np
from numpy.typing import NDArray

from seg.evaluate.cache.mixture import Mixture, Views
from seg.evaluate.metrics.groups import GroupI
from seg.evaluate.tune.evidence.by_group import Criterion
from seg.evaluate.tune.evidence.candidates import EQUAL, SINGLE
from seg.evaluate.tune.fits.departures import DIGITS
from seg.evaluate.tune.fits.weights import WeightsM, equal_weights, weight_on_best_member, weights_by_score
from seg.evaluate.tune.overlapping.judge_decisions import MixtureAndRules, Rules
from seg.evaluate.tune.overlapping.sampled_members import SampledMembers, SampledPasses, views_by_member
from seg.evaluate.tune.overlapping.temperatures import fit_sigmoid_temperatures
from seg.evaluate.tune.overlapping.whole_counts import best_threshold
from seg.metrics.from_counts import Counts, Tallies

ALONE: Final = "the one member"
BY_SCORE: Final = "weights by score"
CALIBRATED: Final = f"{BY_SCORE}, temperatures"

FitWeights = Callable[[SampledMembers, GroupI], WeightsM]
"""Weights of members, from sampled pixels of images and the group of each image."""


@dataclass(frozen=True)
class WeighedMembers:
    """Members in their views, and how they are weighed.

    Attributes:
        is_calibrated: whether each member has the temperature that fits the labels best.
    """

    name: str
    sampled: SampledPasses
    views: Sequence[Views]
    fit: FitWeights
    is_calibrated: bool = False

    def fit_mixture(self, group_i: GroupI, chosen_i: NDArray[np.bool_] | None = None) -> Mixture:
        """The mixture that is fitted on all images, or on some."""
        if chosen_i is None:
            chosen_i = np.ones(len(group_i), np.bool_)
        numbered_i = np.unique(group_i[chosen_i], return_inverse=True)[1]
        temperatures: tuple[float, ...] = ()
        if self.is_calibrated:
            fitted = fit_sigmoid_temperatures(self.sampled.of_images(chosen_i), self.views)
            temperatures = tuple(round(one, DIGITS) for one in fitted)
        members = (
            self.sampled.members(views_by_member(self.views), temperatures) if temperatures else self._members
        )
        weights_m = self.fit(members.of_images(chosen_i), numbered_i)
        mixture = Mixture.of(weights_m.round(DIGITS).tolist(), self.views)
        return replace(mixture, temperatures=temperatures)

    def fit_decision(
        self,
        group_i: GroupI,
        counts_c: Sequence[Counts],
        tallies: Tallies,
        given: Rules,
        chosen_i: NDArray[np.bool_],
    ) -> MixtureAndRules:
        """The mixture and thresholds that are fitted on some images.

        Args:
            counts_c: of each class in all pixels of the images at each threshold, `[T, I]`.
            given: the other rules of classes.
        """
        rules = (
            rule.model_copy(update={"threshold": best_threshold(counts.of_images(chosen_i), tallies)})
            for rule, counts in zip(given, counts_c, strict=True)
        )
        return MixtureAndRules(self.fit_mixture(group_i, chosen_i), tuple(rules))

    @cached_property
    def _members(self) -> SampledMembers:
        return self.sampled.members(views_by_member(self.views))


def list_mixtures(
    sampled: SampledPasses, useful: tuple[Views, ...], criterion: Criterion
) -> list[WeighedMembers]:
    """The mixtures that are compared: all in the useful views, and equal weights in all views, too."""
    fits = fits_of_weights(len(useful), criterion)
    found = [WeighedMembers(name, sampled, useful, fit) for name, fit in fits.items()]
    if useful != sampled.views:
        name = EQUAL if EQUAL in fits else ALONE
        found.insert(0, WeighedMembers(f"{name}, all views", sampled, sampled.views, fits[name]))
    if BY_SCORE in fits:
        found.append(WeighedMembers(CALIBRATED, sampled, useful, fits[BY_SCORE], is_calibrated=True))
    return found


def fits_of_weights(count: int, criterion: Criterion = "mean") -> dict[str, FitWeights]:
    """How so many members are weighed, by name."""

    def equal(members: SampledMembers, group_i: GroupI) -> WeightsM:
        return equal_weights(members.members)

    def single(members: SampledMembers, group_i: GroupI) -> WeightsM:
        return weight_on_best_member(members)

    if count == 1:
        return {ALONE: equal}
    return {SINGLE: single, EQUAL: equal, BY_SCORE: partial(weights_by_score, criterion=criterion)}
