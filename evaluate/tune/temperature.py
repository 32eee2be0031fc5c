"""How sure of itself a member may be: the temperature at which its probabilities fit the labels best.

Source: Guo, Pleiss, Sun and Weinberger, "On Calibration of Modern Neural Networks", 2017: the temperature of
the least negative log-likelihood.
"""

from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from seg.evaluate.cache.mixture import Mixture
from seg.evaluate.metrics.calibration import Reliability
from seg.evaluate.tune.scorer import Scorer

LOWEST: Final = 1 / 4
HIGHEST: Final = 4.0
NARROW: Final = 0.01
"""Natural logarithms of temperatures are found to within this."""

EVERY: Final = 4
"""Of the sampled pixels one in so many is looked at: one number needs no more."""

LEAST_PROBABILITY: Final = 1e-6
_GOLDEN: Final = (5**0.5 - 1) / 2


@dataclass(frozen=True, slots=True)
class MemberCalibration:
    """A member in its views: its temperature, and the expected calibration error before and with it."""

    temperature: float
    before: float
    after: float


def calibrate_members(scorer: Scorer) -> list[MemberCalibration]:
    """Fit every member's temperature and say what it changes, on the same images."""
    temperatures = fit_temperatures(scorer)
    alone = [Mixture.single(member, scorer.views) for member in range(len(scorer.names))]
    return [
        MemberCalibration(
            temperatures[member],
            calibration_error(scorer, mixture),
            calibration_error(scorer, replace(mixture, temperatures=temperatures)),
        )
        for member, mixture in enumerate(alone)
    ]


def fit_temperatures(scorer: Scorer) -> tuple[float, ...]:
    """For each member, in its views."""
    thin = scorer.thinned(EVERY)
    return tuple(_coolest(thin, Mixture.single(m, scorer.views)) for m in range(len(scorer.names)))


def surprise(scorer: Scorer, mixture: Mixture) -> float:
    """The mean negative log-likelihood of the labels, in nats."""
    merged_cin = scorer.merged(mixture)
    truth_in = np.take_along_axis(merged_cin, scorer.labels_in[None].astype(np.intp), 0)[0]
    return float(-np.log(np.maximum(truth_in, LEAST_PROBABILITY)).mean())


def calibration_error(scorer: Scorer, mixture: Mixture) -> float:
    """The expected calibration error of the mixture's probabilities, a share in 0..1."""
    reliability = Reliability()
    reliability.add(scorer.labels_in, scorer.merged(mixture))
    return reliability.expected_error


def _coolest(scorer: Scorer, mixture: Mixture) -> float:
    """By golden-section search: the likelihood has one peak."""

    def cost(logarithm: float) -> float:
        temperatures = (float(np.exp(logarithm)),) * len(scorer.names)
        return surprise(scorer, replace(mixture, temperatures=temperatures))

    low, high = np.log(LOWEST), np.log(HIGHEST)
    inner = [high - _GOLDEN * (high - low), low + _GOLDEN * (high - low)]
    costs = [cost(one) for one in inner]
    while high - low > NARROW:
        if costs[0] < costs[1]:
            high = inner[1]
            inner = [high - _GOLDEN * (high - low), inner[0]]
            costs = [cost(inner[0]), costs[0]]
        else:
            low = inner[0]
            inner = [inner[1], low + _GOLDEN * (high - low)]
            costs = [costs[1], cost(inner[1])]
    return float(np.exp((low + high) / 2))
