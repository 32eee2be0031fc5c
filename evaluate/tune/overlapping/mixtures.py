"""Which members, with which weights: fitted on sampled pixels, together with thresholds."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Final

import numpy as np
from numpy.typing import NDArray

from seg.evaluate.cache.mixture import Mixture, Views
from seg.evaluate.tune.evidence.candidates import EQUAL, SINGLE
from seg.evaluate.tune.fits.departures import DIGITS
from seg.evaluate.tune.overlapping.fit_weights import TRUST, fit_weights
from seg.evaluate.tune.overlapping.judge_decisions import Decided, Rules
from seg.evaluate.tune.overlapping.sampled_members import SampledMembers, SampledPasses, views_of
from seg.evaluate.tune.overlapping.whole_counts import best_threshold
from seg.metrics.from_counts import Counts, Tallies

WEIGHTS: Final = f"weights at {TRUST:g}"

WeightsM = NDArray[np.float64]

FitWeights = Callable[[SampledMembers], WeightsM]


@dataclass(frozen=True)
class WeighedMembers:
    """Members in their views, and how they are weighed."""

    name: str
    members: SampledMembers
    views: Sequence[Views]
    fit: FitWeights

    @cached_property
    def mixture(self) -> Mixture:
        """Fitted on all images."""
        return Mixture.of(self.fit(self.members).round(DIGITS).tolist(), self.views)

    def fit_on(
        self, counts_c: Sequence[Counts], tallies: Tallies, given: Rules, chosen_i: NDArray[np.bool_]
    ) -> Decided:
        """Weights and thresholds that are fitted on some images.

        Args:
            counts_c: of each class in all pixels of the images at each threshold, `[T, I]`.
            given: the other rules of classes.
        """
        weights_m = self.fit(self.members.of_images(chosen_i))
        rules = (
            rule.model_copy(update={"threshold": best_threshold(counts.of_images(chosen_i), tallies)})
            for rule, counts in zip(given, counts_c, strict=True)
        )
        return Decided(Mixture.of(weights_m.tolist(), self.views), tuple(rules))


def list_mixtures(
    sampled: SampledPasses, all_views: tuple[Views, ...], useful: tuple[Views, ...], tallies: Tallies
) -> list[WeighedMembers]:
    """The mixtures that are compared: all in the useful views, and equal weights in all views, too."""
    members = sampled.members(views_of(useful))
    fits = fits_of_weights(tallies, members.members)
    found = [WeighedMembers(name, members, useful, fit) for name, fit in fits.items()]
    if useful != all_views:
        in_all = WeighedMembers(
            f"{EQUAL}, all views", sampled.members(views_of(all_views)), all_views, fits[EQUAL]
        )
        found.insert(0, in_all)
    return found


def fits_of_weights(tallies: Tallies, count: int) -> dict[str, FitWeights]:
    """The mixtures of so many members that are compared, by name."""

    def best_member(members: SampledMembers) -> WeightsM:
        alone_mm = np.eye(members.members)
        return np.asarray(alone_mm[np.argmax([members.score(one_m, tallies) for one_m in alone_mm])])

    def equal(members: SampledMembers) -> WeightsM:
        return np.full(members.members, 1 / members.members)

    if count == 1:
        return {EQUAL: equal}
    return {SINGLE: best_member, EQUAL: equal, WEIGHTS: lambda members: fit_weights(members, tallies)}
