"""Split-half validation: fits are fitted on a random half of the images and scored on the other, repeatedly.

Source of the noise: Nadeau and Bengio, "Inference for the Generalization Error", 2003. Splits share
images, so the variance of the mean of R differences is (1/R + scored/fitted) times theirs, not 1/R.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from seg.evaluate.cache.mixture import Mixture
from seg.evaluate.tune.fit import Fit
from seg.evaluate.tune.scorer import Scorer
from seg.progress import progress

SPLITS: Final = 10
SCORED_TO_FITTED: Final = 1.0

SplitHalves = tuple[tuple[int, ...], tuple[int, ...]]
"""The images to fit on, and those to score on."""


@dataclass(frozen=True, slots=True)
class SplitHalfResults:
    """mIoU on the scored halves, float64 `[R]`, and the fitted mixtures, by the name of a fit."""

    mious: Mapping[str, NDArray[np.float64]]
    mixtures: Mapping[str, tuple[Mixture, ...]]

    def mean(self, name: str) -> float:
        return float(self.mious[name].mean())

    def spread(self, name: str) -> float:
        """The standard deviation over the splits."""
        return float(self.mious[name].std(ddof=1))

    def gain(self, name: str, over: str) -> float:
        """The mean gain in mIoU of one fit over another."""
        return float((self.mious[name] - self.mious[over]).mean())

    def noise(self, name: str, over: str) -> float:
        """The standard error of the gain."""
        differences = self.mious[name] - self.mious[over]
        return float(differences.std(ddof=1) * np.sqrt(1 / len(differences) + SCORED_TO_FITTED))

    def wins(self, name: str, over: str) -> int:
        """The number of splits in which one fit is better than another."""
        return int((self.mious[name] > self.mious[over]).sum())

    def is_better(self, name: str, over: str) -> bool:
        """Whether the gain exceeds the noise."""
        return self.gain(name, over) > self.noise(name, over)


def random_splits(images: int, count: int = SPLITS, seed: int = 0) -> tuple[SplitHalves, ...]:
    """Random splits into halves; the same for the same seed."""
    random = np.random.default_rng(seed)
    orders = [random.permutation(images).tolist() for _ in range(count)]
    return tuple((tuple(order[: images // 2]), tuple(order[images // 2 :])) for order in orders)


def split_half_validation(
    scorer: Scorer, fits: Mapping[str, Fit], splits: tuple[SplitHalves, ...]
) -> SplitHalfResults:
    """Run every fit on every first half and score it on the second."""
    mixtures: dict[str, list[Mixture]] = {name: [] for name in fits}
    mious: dict[str, list[float]] = {name: [] for name in fits}
    with progress("tune", len(splits) * len(fits), unit="fits") as advance:
        for fitted_on, judged_on in splits:
            first, second = scorer.of_images(fitted_on), scorer.of_images(judged_on)
            for name, fit in fits.items():
                mixtures[name].append(fit(first))
                mious[name].append(second.miou(mixtures[name][-1]))
                advance(note=name)
    return SplitHalfResults(
        {name: np.array(values) for name, values in mious.items()},
        {name: tuple(values) for name, values in mixtures.items()},
    )
