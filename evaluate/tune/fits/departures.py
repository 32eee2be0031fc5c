"""Departures from a simple mixture, from few numbers to many, and fits of any strength of them.

The start is equal weights, or the best member. Three kinds follow, each on top of the one before:

1. Weights of members by their scores.
2. One exponent of the classes' shares in the training images, by which probabilities are divided.
3. A factor for each class on top: each is shrunk by how much it varies when groups are left out.

Sources: of the exponent, Menon, Jayasumana, Rawat, Jain, Veit and Kumar, "Long-Tail Learning via Logit
Adjustment", 2021; of the shrinkage of factors, James and Stein, "Estimation with Quadratic Loss", 1961.
"""

from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray

from seg.evaluate.metrics.groups import GroupI
from seg.evaluate.tune.evidence.by_group import Criterion, blocks, fold_groups
from seg.evaluate.tune.fits.class_factors import fit_factors, normalised
from seg.evaluate.tune.fits.member_pixels import MemberPixels
from seg.evaluate.tune.fits.weights import WeightsM, best_member, equal_weights, weights_by_score
from seg.evaluate.tune.scorer import CountsICC

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
    """

    weights: WeightsName = "equal"
    exponent: float = 0.0
    factors: float = 0.0


@dataclass(frozen=True, slots=True)
class Fitted:
    """Weights of members `[M]`, which sum to 1, and factors of classes `[C]` with a geometric mean of 1."""

    weights_m: NDArray[np.float64]
    factors_c: NDArray[np.float64]


@dataclass
class Part:
    """Images to fit on, with what was fitted on them so far."""

    pixels: MemberPixels
    group_i: GroupI
    prior_c: NDArray[np.float64]
    criterion: Criterion
    _changes: dict[Departure, NDArray[np.float64]] = field(default_factory=dict)

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
        before = replace(departure, factors=0.0)
        if before not in self._changes:
            scores_cin = self.pixels.merged(
                self.weights(before), prior_factors(self.prior_c, before.exponent)
            )
            self._changes[before] = np.log(fit_factors(scores_cin, self.pixels.labels_in))
        return self._changes[before]

    @cached_property
    def _best_m(self) -> WeightsM:
        return best_member(self.pixels)

    @cached_property
    def _by_score_m(self) -> WeightsM:
        return weights_by_score(self.pixels, self.group_i, self.criterion)


class Departures:
    """Fits of departures on all images, and judgements of them on groups that were left out.

    `part_i` has the group of each image; of one group, a block of images that follow one another.
    """

    def __init__(
        self,
        pixels: MemberPixels,
        group_i: GroupI,
        prior_c: NDArray[np.float64],
        criterion: Criterion = "mean",
    ) -> None:
        self.criterion = criterion
        self.part_i = group_i if group_i.max() else blocks(len(group_i))
        self._fold_i = fold_groups(self.part_i)
        folds = range(int(self._fold_i.max()) + 1)
        self._others = [self._part(pixels, self._fold_i != fold, prior_c) for fold in folds]
        self._left_out = [pixels.of_images(self._fold_i == fold) for fold in folds]
        self._whole = Part(pixels, group_i, prior_c, criterion)
        self._judged: dict[Departure, CountsICC] = {}

    def _part(self, pixels: MemberPixels, chosen_i: NDArray[np.bool_], prior_c: NDArray[np.float64]) -> Part:
        numbered_i = np.unique(self.part_i[chosen_i], return_inverse=True)[1]
        return Part(pixels.of_images(chosen_i), numbered_i, prior_c, self.criterion)

    def fit(self, departure: Departure) -> Fitted:
        """Fit on all images."""
        return self._fit(self._whole, departure)

    def judge(self, departure: Departure) -> CountsICC:
        """Counts of each image, by fits on the groups of other folds."""
        if departure not in self._judged:
            classes = self._whole.pixels.classes
            counts_icc = np.zeros((len(self._fold_i), classes, classes), np.int64)
            for fold, (others, left_out) in enumerate(zip(self._others, self._left_out, strict=True)):
                fitted = self._fit(others, departure)
                counts_icc[self._fold_i == fold] = left_out.counts(fitted.weights_m, fitted.factors_c)
            self._judged[departure] = counts_icc
        return self._judged[departure]

    def _fit(self, part: Part, departure: Departure) -> Fitted:
        factors_c = prior_factors(part.prior_c, departure.exponent)
        if departure.factors:
            kept_c = self._reliability(departure)
            factors_c = factors_c * np.exp(departure.factors * kept_c * part.change(departure))
        return Fitted(part.weights(departure), normalised(factors_c))

    def _reliability(self, departure: Departure) -> NDArray[np.float64]:
        """The share of each factor's logarithm that is kept: 1 - (its jackknife variance) / (its square)."""
        change_c = self._whole.change(departure)
        change_fc = np.stack([part.change(departure) for part in self._others])
        variance_c = (len(change_fc) - 1) * change_fc.var(0)
        kept = 1 - np.divide(variance_c, change_c**2, out=np.full(len(change_c), np.inf), where=change_c != 0)
        return np.asarray(np.maximum(kept, 0))


def prior_factors(prior_c: NDArray[np.float64], exponent: float) -> NDArray[np.float64]:
    """Factors that divide probabilities by a power of the classes' shares."""
    return normalised(np.maximum(prior_c, MIN_SHARE) ** -exponent)
