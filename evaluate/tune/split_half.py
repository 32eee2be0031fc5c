"""Whether what was fitted holds: fitted on one half of the images, judged on the other, again and again.

Source of the noise: Nadeau and Bengio, "Inference for the Generalization Error", 2003. Halvings share
images, so the variance of the mean of R differences is (1/R + judged/fitted) times theirs, not 1/R.
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

HALVINGS: Final = 10
JUDGED_TO_FITTED: Final = 1.0

Halving = tuple[tuple[int, ...], tuple[int, ...]]
"""The images to fit on, and those to judge on."""


@dataclass(frozen=True, slots=True)
class Trials:
    """mIoU on the judged halves, float64 `[R]`, and the mixtures that were fitted, by the name of a fit."""

    mious: Mapping[str, NDArray[np.float64]]
    mixtures: Mapping[str, tuple[Mixture, ...]]

    def mean(self, name: str) -> float:
        return float(self.mious[name].mean())

    def spread(self, name: str) -> float:
        """Standard deviation over the halvings."""
        return float(self.mious[name].std(ddof=1))

    def gain(self, name: str, over: str) -> float:
        """How much better one is than another, on the mean."""
        return float((self.mious[name] - self.mious[over]).mean())

    def noise(self, name: str, over: str) -> float:
        """The standard error of that gain."""
        differences = self.mious[name] - self.mious[over]
        return float(differences.std(ddof=1) * np.sqrt(1 / len(differences) + JUDGED_TO_FITTED))

    def wins(self, name: str, over: str) -> int:
        """In how many halvings one is better than another."""
        return int((self.mious[name] > self.mious[over]).sum())

    def is_better(self, name: str, over: str) -> bool:
        """Whether the gain is beyond the noise."""
        return self.gain(name, over) > self.noise(name, over)


def random_halvings(images: int, count: int = HALVINGS, seed: int = 0) -> tuple[Halving, ...]:
    """The same halvings for the same seed."""
    random = np.random.default_rng(seed)
    orders = [random.permutation(images).tolist() for _ in range(count)]
    return tuple((tuple(order[: images // 2]), tuple(order[images // 2 :])) for order in orders)


def try_on_halves(scorer: Scorer, fits: Mapping[str, Fit], halvings: tuple[Halving, ...]) -> Trials:
    """Fit everything on every first half and judge it on the second."""
    mixtures: dict[str, list[Mixture]] = {name: [] for name in fits}
    mious: dict[str, list[float]] = {name: [] for name in fits}
    with progress("tune", len(halvings) * len(fits), unit="fits") as advance:
        for fitted_on, judged_on in halvings:
            first, second = scorer.of_images(fitted_on), scorer.of_images(judged_on)
            for name, fit in fits.items():
                mixtures[name].append(fit(first))
                mious[name].append(second.miou(mixtures[name][-1]))
                advance(note=name)
    return Trials(
        {name: np.array(values) for name, values in mious.items()},
        {name: tuple(values) for name, values in mixtures.items()},
    )
