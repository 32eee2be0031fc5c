"""Temperatures of members for classes that overlap: those at which their sigmoids fit the labels best."""

from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from seg.evaluate.cache.mixture import Views
from seg.evaluate.metrics.calibration import Reliability
from seg.evaluate.tune.fits.temperature import (
    MIN_PROBABILITY,
    SAMPLE_STEP,
    MemberCalibration,
    search_temperature,
)
from seg.evaluate.tune.overlapping.sampled_members import SampledPasses

LARGEST: Final = 1 - MIN_PROBABILITY


def fit_sigmoid_temperatures(sampled: SampledPasses, views: Sequence[Views]) -> tuple[float, ...]:
    """The temperature of each member in its views, of the least binary cross entropy."""
    thin = sampled.subsampled(SAMPLE_STEP)

    def fit(member: int) -> float:
        return search_temperature(
            lambda temperature: cross_entropy_of_sigmoids(
                thin.mean(member, views[member], temperature), thin.truth_cin
            )
        )

    return tuple(map(fit, range(len(views))))


def cross_entropy_of_sigmoids(probabilities: NDArray[np.float32], truth: NDArray[np.bool_]) -> float:
    """The mean over pixels and classes, in nats."""
    right = np.where(truth, probabilities, 1 - probabilities)
    return float(-np.log(np.clip(right, MIN_PROBABILITY, LARGEST)).mean())


def calibrate_sigmoids(sampled: SampledPasses, views: Sequence[Views]) -> tuple[MemberCalibration, ...]:
    """Fit every member's temperature; also measure the calibration error of all classes before and after."""

    def error_at(member: int, temperature: float) -> float:
        reliability = Reliability()
        reliability.count(sampled.mean(member, views[member], temperature).ravel(), sampled.truth_cin.ravel())
        return reliability.expected_error

    return tuple(
        MemberCalibration(temperature, error_at(member, 1.0), error_at(member, temperature))
        for member, temperature in enumerate(fit_sigmoid_temperatures(sampled, views))
    )
