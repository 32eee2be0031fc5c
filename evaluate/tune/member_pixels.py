"""Probabilities of members at some labelled pixels, for fits that try many mixtures by the mean."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Self

import numpy as np
from numpy.typing import NDArray

from seg.evaluate.cache.mixture import Mixture, Views
from seg.evaluate.tune.scorer import CountsICC, Scorer

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
    """

    probabilities_mcin: NDArray[np.float32]
    labels_in: NDArray[np.uint8]

    @classmethod
    def of(cls, scorer: Scorer, views: Sequence[Views]) -> Self:
        """Some pixels of a scorer, with each member in these views."""
        thin = scorer.subsampled(max(1, -(-scorer.labels_in.size // MAX_PIXELS)))
        members = range(len(scorer.names))
        return cls(
            np.stack([thin.merged(Mixture.single(member, views)) for member in members]), thin.labels_in
        )

    @property
    def members(self) -> int:
        return len(self.probabilities_mcin)

    @property
    def classes(self) -> int:
        return int(self.probabilities_mcin.shape[1])

    def of_images(self, chosen_i: NDArray[np.bool_]) -> Self:
        """Those of some images."""
        return type(self)(
            np.ascontiguousarray(self.probabilities_mcin[:, :, chosen_i]), self.labels_in[chosen_i]
        )

    def merged(
        self, weights_m: NDArray[np.float64], factors_c: NDArray[np.float64] | None = None
    ) -> ScoresCIN:
        """The weighted mean, times the factors of classes."""
        flat = self.probabilities_mcin.reshape(self.members, -1)
        scores_cin: ScoresCIN = (weights_m.astype(np.float32) @ flat).reshape(
            self.probabilities_mcin.shape[1:]
        )
        if factors_c is not None:
            scores_cin *= factors_c.astype(np.float32)[:, None, None]
        return scores_cin

    def counts(
        self, weights_m: NDArray[np.float64], factors_c: NDArray[np.float64] | None = None
    ) -> CountsICC:
        """Counts of the pixels of each image, truth by prediction."""
        predicted_in = self.merged(weights_m, factors_c).argmax(0)
        images, classes = len(self.labels_in), self.classes
        cells = np.arange(images)[:, None] * classes**2 + self.labels_in * np.intp(classes) + predicted_in
        return np.bincount(cells.ravel(), minlength=images * classes**2).reshape(images, classes, classes)
