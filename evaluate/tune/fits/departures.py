"""Departures from a simple mixture, from few numbers to many, and fits of any strength of them.

The start is equal weights, or the best member. Four kinds follow, each on top of the one before:

1. Weights of members by their scores.
2. One exponent of the classes' shares in the training images, by which probabilities are divided.
3. A factor for each class on top: each is shrunk by how much it varies when groups are left out.
4. A stacking of the members.

Sources: of the exponent, Menon, Jayasumana, Rawat, Jain, Veit and Kumar, "Long-Tail Learning via Logit
Adjustment", 2021; of the shrinkage of factors, James and Stein, "Estimation with Quadratic Loss", 1961.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray

from seg.evaluate.cache.mixture import Mixture, Views
from seg.evaluate.metrics.groups import GroupI
from seg.evaluate.tune.evidence.by_group import Criterion, blocks_of_images, folds_of_groups
from seg.evaluate.tune.fits.class_factors import fit_class_factors, normalised_factors
from seg.evaluate.tune.fits.member_pixels import MemberPixels
from seg.evaluate.tune.fits.stacking import FittedStacking
from seg.evaluate.tune.fits.weights import WeightsM, equal_weights, weight_on_best_member, weights_by_score
from seg.evaluate.tune.scorer import CountsICC, tallies_of_counts
from seg.metrics.image_tallies import ImageTallies

DIGITS: Final = 4
"""Of weights and factors, as they are written."""

MIN_SHARE: Final = 1e-6
"""Of a class in the training images, so that no factor is infinite."""

WeightsName = Literal["equal", "best member", "by score"]


@dataclass(frozen=True, slots=True)
class Departure:
    """How far a mixture departs from its start: nothing by default.

    Attributes:
        weights: of the members.
        exponent: of the classes' shares in the training images.
        factors: from 0, none beyond the exponent, to 1, the fitted and shrunk ones.
        stacking: from 0, none, to 1, the fitted one.
    """

    weights: WeightsName = "equal"
    exponent: float = 0.0
    factors: float = 0.0
    stacking: float = 0.0


@dataclass(frozen=True, slots=True)
class FittedDeparture:
    """Weights of members `[M]`, which sum to 1, factors of classes `[C]` with a geometric mean of 1, and a
    stacking of the members with weight, if any.
    """

    weights_m: NDArray[np.float64]
    factors_c: NDArray[np.float64]
    stacking: FittedStacking | None = None

    def mixture(self, views: Sequence[Views]) -> Mixture:
        """The mixture of members in these views."""
        weights = np.maximum(self.weights_m.round(DIGITS), 0)
        factors = self.factors_c.round(DIGITS)
        stacking = self.stacking.as_stacking(weights > 0) if self.stacking else None
        mixture = replace(Mixture.of(weights.tolist(), views), stacking=stacking)
        return mixture if (factors == 1).all() else replace(mixture, factors=tuple(factors.tolist()))


JudgeFits = Callable[[Sequence[Sequence[FittedDeparture]]], list[ImageTallies]]
"""Judges images, each decided by its own fit; several times."""


@dataclass
class DepartureFits:
    """Images to fit on, with what was fitted on them so far."""

    pixels: MemberPixels
    group_i: GroupI
    prior_c: NDArray[np.float64]
    criterion: Criterion
    _changes: dict[Departure, NDArray[np.float64]] = field(default_factory=dict)
    _stackings: dict[Departure, FittedStacking] = field(default_factory=dict)

    def weights(self, departure: Departure) -> WeightsM:
        match departure.weights:
            case "equal":
                return equal_weights(self.pixels.members)
            case "best member":
                return self._best_m
            case "by score":
                return self._by_score_m

    def change(self, departure: Departure) -> NDArray[np.float64]:
        """Logarithms of the factors of classes, fitted on top of the departure's weights and exponent."""
        before = replace(departure, factors=0.0, stacking=0.0)
        if before not in self._changes:
            scores_cin = self.pixels.merged(
                self.weights(before), prior_factors(self.prior_c, before.exponent)
            )
            self._changes[before] = np.log(
                fit_class_factors(scores_cin, self.pixels.labels_in, self.pixels.metric)
            )
        return self._changes[before]

    def stacking(self, departure: Departure, fitted: FittedDeparture) -> FittedStacking:
        """The stacking on top of what was fitted for the departure without one."""
        before = replace(departure, stacking=0.0)
        if before not in self._stackings:
            self._stackings[before] = self.pixels.fit_stacking(fitted.weights_m, fitted.factors_c)
        return self._stackings[before]

    @cached_property
    def _best_m(self) -> WeightsM:
        return weight_on_best_member(self.pixels)

    @cached_property
    def _by_score_m(self) -> WeightsM:
        return weights_by_score(self.pixels, self.group_i, self.criterion)


class Departures:
    """Fits of departures on all images, and judgements of them on groups that were left out.

    `part_i` has the group of each image; of one group, a block of images that follow one another. Without
    `judge_fits`, the pixels that are fitted on are judged.
    """

    def __init__(
        self,
        pixels: MemberPixels,
        group_i: GroupI,
        prior_c: NDArray[np.float64],
        criterion: Criterion = "mean",
        judge_fits: JudgeFits | None = None,
    ) -> None:
        self.criterion = criterion
        self.part_i = group_i if group_i.max() else blocks_of_images(len(group_i))
        self._fold_i = folds_of_groups(self.part_i)
        folds = range(int(self._fold_i.max()) + 1)
        self._others = [self._part(pixels, self._fold_i != fold, prior_c) for fold in folds]
        self._left_out = [pixels.of_images(self._fold_i == fold) for fold in folds]
        self._whole = DepartureFits(pixels, group_i, prior_c, criterion)
        self._judge_fits = judge_fits or self._judge_pixels
        self._judged: dict[Departure, ImageTallies] = {}

    def _part(
        self, pixels: MemberPixels, chosen_i: NDArray[np.bool_], prior_c: NDArray[np.float64]
    ) -> DepartureFits:
        numbered_i = np.unique(self.part_i[chosen_i], return_inverse=True)[1]
        return DepartureFits(pixels.of_images(chosen_i), numbered_i, prior_c, self.criterion)

    def fit(self, departure: Departure) -> FittedDeparture:
        """Fit on all images."""
        return self._fit(self._whole, departure)

    def fits_left_out(self, departure: Departure) -> list[FittedDeparture]:
        """The fit for each image, on the groups of other folds."""
        fits = [self._fit(others, departure) for others in self._others]
        return [fits[fold] for fold in self._fold_i]

    def judge(self, departure: Departure) -> ImageTallies:
        """Tallies of each image, by fits on the groups of other folds."""
        return self.judge_all([departure])[0]

    def judge_all(self, departures: Sequence[Departure]) -> list[ImageTallies]:
        """The same of several, which takes less time at once."""
        new = [one for one in dict.fromkeys(departures) if one not in self._judged]
        if new:
            judged = self._judge_fits([self.fits_left_out(one) for one in new])
            self._judged |= zip(new, judged, strict=True)
        return [self._judged[one] for one in departures]

    def _judge_pixels(self, fits: Sequence[Sequence[FittedDeparture]]) -> list[ImageTallies]:
        return [tallies_of_counts(self._whole.pixels.metric, self._count(one)) for one in fits]

    def _count(self, fit_i: Sequence[FittedDeparture]) -> CountsICC:
        """Counts of the pixels of each image, decided by its own fit, which is that of its fold."""
        classes = self._whole.pixels.classes
        counts_icc = np.zeros((len(fit_i), classes, classes), np.int64)
        for fold, left_out in enumerate(self._left_out):
            is_in_i = self._fold_i == fold
            fitted = fit_i[int(is_in_i.argmax())]
            counts_icc[is_in_i] = left_out.counts(fitted.weights_m, fitted.factors_c, fitted.stacking)
        return counts_icc

    def _fit(self, part: DepartureFits, departure: Departure) -> FittedDeparture:
        factors_c = prior_factors(part.prior_c, departure.exponent)
        if departure.factors:
            kept_c = self._reliability(departure)
            factors_c = factors_c * np.exp(departure.factors * kept_c * part.change(departure))
        fitted = FittedDeparture(part.weights(departure), normalised_factors(factors_c))
        if not departure.stacking:
            return fitted
        return replace(fitted, stacking=part.stacking(departure, fitted).scaled(departure.stacking))

    def _reliability(self, departure: Departure) -> NDArray[np.float64]:
        """The share of each factor's logarithm that is kept: 1 - (its jackknife variance) / (its square)."""
        change_c = self._whole.change(departure)
        change_fc = np.stack([part.change(departure) for part in self._others])
        variance_c = (len(change_fc) - 1) * change_fc.var(0)
        kept = 1 - np.divide(variance_c, change_c**2, out=np.full(len(change_c), np.inf), where=change_c != 0)
        return np.asarray(np.maximum(kept, 0))


def prior_factors(prior_c: NDArray[np.float64], exponent: float) -> NDArray[np.float64]:
    """Factors that divide probabilities by a power of the classes' shares."""
    return normalised_factors(np.maximum(prior_c, MIN_SHARE) ** -exponent)
