"""Temperature scaling: the temperature at which a member's probabilities fit the labels best.

Source: Guo, Pleiss, Sun and Weinberger, "On Calibration of Modern Neural Networks", 2017: the temperature of
the least negative log-likelihood.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from seg.evaluate.cache.mixture import Mixture
from seg.evaluate.metrics.calibration import Reliability
from seg.evaluate.tune.scorer import PixelScorer

MIN_TEMPERATURE: Final = 1 / 4
MAX_TEMPERATURE: Final = 4.0
PRECISION: Final = 0.01
"""The precision of the natural logarithm of a temperature."""

SAMPLE_STEP: Final = 4
"""Every n-th sampled pixel is used, which is enough to fit one number."""

MIN_PROBABILITY: Final = 1e-6
_GOLDEN: Final = (5**0.5 - 1) / 2


@dataclass(frozen=True, slots=True)
class MemberCalibration:
    """A member in its views: its temperature, and the expected calibration error before and with it."""

    temperature: float
    before: float
    after: float


def calibrate_members(scorer: PixelScorer) -> list[MemberCalibration]:
    """Fit every member's temperature; also measure the calibration error before and after."""
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


def fit_temperatures(scorer: PixelScorer) -> tuple[float, ...]:
    """The temperature of each member, in its views."""
    thin = scorer.subsampled(SAMPLE_STEP)
    return tuple(_best_temperature(thin, Mixture.single(m, scorer.views)) for m in range(len(scorer.names)))


def negative_log_likelihood(scorer: PixelScorer, mixture: Mixture) -> float:
    """The mean negative log-likelihood of the labels, in nats."""
    merged_cin = scorer.merged(mixture)
    truth_in = np.take_along_axis(merged_cin, scorer.labels_in[None].astype(np.intp), 0)[0]
    return float(-np.log(np.maximum(truth_in, MIN_PROBABILITY)).mean())


def calibration_error(scorer: PixelScorer, mixture: Mixture) -> float:
    """The expected calibration error of the mixture's probabilities, a share in 0..1."""
    reliability = Reliability()
    reliability.add(scorer.labels_in, scorer.merged(mixture))
    return reliability.expected_error


def _best_temperature(scorer: PixelScorer, mixture: Mixture) -> float:
    def cost(temperature: float) -> float:
        temperatures = (temperature,) * len(scorer.names)
        return negative_log_likelihood(scorer, replace(mixture, temperatures=temperatures))

    return search_temperature(cost)


def search_temperature(cost_of: Callable[[float], float]) -> float:
    """The temperature of the least cost, by golden-section search: the likelihood has one peak."""

    def cost(logarithm: float) -> float:
        return cost_of(float(np.exp(logarithm)))

    low, high = np.log(MIN_TEMPERATURE), np.log(MAX_TEMPERATURE)
    inner = [high - _GOLDEN * (high - low), low + _GOLDEN * (high - low)]
    costs = [cost(one) for one in inner]
    while high - low > PRECISION:
        if costs[0] < costs[1]:
            high = inner[1]
            inner = [high - _GOLDEN * (high - low), inner[0]]
            costs = [cost(inner[0]), costs[0]]
        else:
            low = inner[0]
            inner = [inner[1], low + _GOLDEN * (high - low)]
            costs = [costs[1], cost(inner[1])]
    return float(np.exp((low + high) / 2))
