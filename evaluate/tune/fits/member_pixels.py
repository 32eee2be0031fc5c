"""Probabilities of members at some labelled pixels, for fits that try many mixtures by the mean."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final, Self

import numpy as np
from numpy.typing import NDArray

from seg.engine.merging.merges import normalise_merged
from seg.engine.passes.merge_shares import merge_shares_by_class
from seg.engine.passes.passes import PlannedPass
from seg.engine.passes.views import VIEWS
from seg.evaluate.cache.mixture import Mixture, Views
from seg.evaluate.tune.fits.stacking import MOST_PIXELS, FittedStacking, fit_stacking
from seg.evaluate.tune.scorer import CountsICC, PixelScorer, count_pixels_of_images, tallies_of_counts
from seg.metrics.from_counts import CountedMetric
from seg.metrics.image_tallies import ImageTallies

MAX_PIXELS: Final = 60_000
"""The most pixels of all images. A few hundred of an image are enough to fit a few numbers."""

MIN_SCORE: Final = np.float32(1e-30)

ScoresCIN = NDArray[np.float32]
"""Scores of C classes before the argmax, at n pixels of each of I images."""


@dataclass(frozen=True)
class MemberPixels:
    """Each member's probabilities, the mean over its views.

    Attributes:
        probabilities_mcin: float32, of M members.
        labels_in: uint8.
        known_mc: 1 for the classes that a member knows, 0 for others, float32.
        metric: what mixtures are scored by.
    """

    probabilities_mcin: NDArray[np.float32]
    labels_in: NDArray[np.uint8]
    known_mc: NDArray[np.float32]
    metric: CountedMetric

    @classmethod
    def of(cls, scorer: PixelScorer, views: Sequence[Views]) -> Self:
        """Some pixels of a scorer, with each member in these views."""
        thin = scorer.subsampled(max(1, -(-scorer.labels_in.size // MAX_PIXELS)))
        alone = replace(thin, coverage=())
        members = range(len(scorer.names))
        known_mc = np.ones((len(members), scorer.classes), np.float32)
        for member, known_c in enumerate(scorer.coverage):
            known_mc[member] = known_c or 1
        return cls(
            np.stack([alone.merged(Mixture.single(member, views)) for member in members])
            * known_mc[:, :, None, None],
            thin.labels_in,
            known_mc,
            scorer.metric,
        )

    @property
    def members(self) -> int:
        return len(self.probabilities_mcin)

    @property
    def classes(self) -> int:
        return int(self.probabilities_mcin.shape[1])

    @property
    def flat_mcn(self) -> NDArray[np.float32]:
        """The pixels of all images side by side, float32 `[M, C, I n]`."""
        return self.probabilities_mcin.reshape(self.members, self.classes, -1)

    def fit_stacking(self, weights_m: NDArray[np.float64], factors_c: NDArray[np.float64]) -> FittedStacking:
        """A stacking on top of a mixture, of the members with weight, on some of the pixels."""
        thin = self.subsampled(max(1, -(-self.labels_in.size // MOST_PIXELS)))
        scores_cn = thin.merged(weights_m, factors_c).reshape(self.classes, -1)
        # What is constant has no coefficients.
        running_mcn = np.where((weights_m > 0)[:, None, None], thin.flat_mcn, np.float32(1))
        return fit_stacking(scores_cn, running_mcn, thin.labels_in.ravel())

    def subsampled(self, every: int) -> Self:
        """Those of every n-th pixel."""
        return replace(
            self,
            probabilities_mcin=self.probabilities_mcin[..., ::every],
            labels_in=self.labels_in[:, ::every],
        )

    def of_images(self, chosen_i: NDArray[np.bool_]) -> Self:
        """Those of some images."""
        return replace(
            self,
            probabilities_mcin=np.ascontiguousarray(self.probabilities_mcin[:, :, chosen_i]),
            labels_in=self.labels_in[chosen_i],
        )

    def knows_all_classes(self, weights_m: NDArray[np.float64]) -> bool:
        """Whether a member with weight knows all classes, without which it is no ensemble."""
        return bool((weights_m[self.known_mc.all(1)] > 0).any())

    def merged(
        self,
        weights_m: NDArray[np.float64],
        factors_c: NDArray[np.float64] | None = None,
        stacking: FittedStacking | None = None,
    ) -> ScoresCIN:
        """The weighted mean of the members that know a class, corrected, times the factors of classes."""
        scores_cin = self._mean(weights_m) if self.known_mc.all() else self._mean_of_known(weights_m)
        if stacking is not None:
            corrected_cn = stacking.corrected(scores_cin.reshape(self.classes, -1), self.flat_mcn)
            scores_cin = corrected_cn.reshape(scores_cin.shape)
        if factors_c is not None:
            scores_cin *= factors_c.astype(np.float32)[:, None, None]
        return scores_cin

    def _mean(self, weights_m: NDArray[np.float64]) -> ScoresCIN:
        flat = weights_m.astype(np.float32) @ self.probabilities_mcin.reshape(self.members, -1)
        return np.asarray(flat.reshape(self.probabilities_mcin.shape[1:]))

    def _mean_of_known(self, weights_m: NDArray[np.float64]) -> ScoresCIN:
        """The mean over the members that know a class, normalised as the engine does."""
        members = np.flatnonzero(weights_m).tolist()
        shares = merge_shares_by_class(
            weights_m[members].tolist(), [self.known_mc[m].tolist() for m in members]
        )
        shares_mc = np.array(shares, dtype=np.float32)
        mean_cin: ScoresCIN = np.einsum("mc,mcin->cin", shares_mc, self.probabilities_mcin[members])
        pass_order = [
            PlannedPass(member, VIEWS["identity"], 1.0, own)
            for member, own in zip(members, shares, strict=True)
        ]
        return normalise_merged(mean_cin, pass_order, np.zeros(self.classes))

    def judge(
        self,
        weights_m: NDArray[np.float64],
        factors_c: NDArray[np.float64] | None = None,
        stacking: FittedStacking | None = None,
    ) -> ImageTallies:
        """The metric's tallies of the pixels of each image."""
        return tallies_of_counts(self.metric, self.counts(weights_m, factors_c, stacking))

    def counts(
        self,
        weights_m: NDArray[np.float64],
        factors_c: NDArray[np.float64] | None = None,
        stacking: FittedStacking | None = None,
    ) -> CountsICC:
        """Counts of the pixels of each image, truth by prediction."""
        predicted_in = self.merged(weights_m, factors_c, stacking).argmax(0)
        return count_pixels_of_images(self.labels_in, predicted_in, self.classes)
