"""Fitting of class factors for the highest score.

Networks that are trained for pixel accuracy underestimate rare classes, but most metrics count all classes
alike. The search is coordinate ascent: one factor after another gets its best value. All values are tried at
once, since pixels change to the class in a fixed order as its factor grows.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from seg.evaluate.tune.fits.member_pixels import MIN_SCORE, ScoresCIN
from seg.metrics.from_counts import CountedMetric, Counts

FACTORS: Final = 2.0 ** (np.arange(-16, 17) / 4)
"""Changes of a class's factor in one step: from 1/16 to 16, by about a fifth each."""

ROUNDS: Final = 4
MIN_GAIN: Final = 1e-4

MOST_COUNTS: Final = 20_000
"""The most images times classes that are counted one by one."""

ScoresCN = NDArray[np.float32]
"""Scores of C classes at n pixels."""


@dataclass(frozen=True, slots=True)
class FactorPixels:
    """Scores and labels of n pixels, and the number of each one's image."""

    scores_cn: ScoresCN
    truth_n: NDArray[np.uint8]
    image_n: NDArray[np.intp]

    @property
    def images(self) -> int:
        return int(self.image_n[-1]) + 1


def fit_class_factors(
    scores_cin: ScoresCIN, labels_in: NDArray[np.uint8], metric: CountedMetric
) -> NDArray[np.float64]:
    """The factors of the highest score on these pixels, float64 `[C]`; their geometric mean is 1."""
    pixels = pixels_for_factors(scores_cin, labels_in, metric)
    factors_c = np.ones(len(scores_cin))
    reached = 0.0
    for _ in range(ROUNDS):
        before = reached
        for label in range(len(scores_cin)):
            scores = scores_by_factor(pixels, factors_c, label, metric)
            # Among equals, the one that changes least.
            step = min(range(len(FACTORS)), key=lambda n: (-scores[n], abs(np.log(FACTORS[n]))))
            if scores[step] > reached + MIN_GAIN:
                factors_c[label] *= FACTORS[step]
                reached = float(scores[step])
        if reached == before:
            break
    return normalised_factors(factors_c)


def normalised_factors(factors_c: NDArray[np.float64]) -> NDArray[np.float64]:
    """Scaled to a geometric mean of 1."""
    scaled_c: NDArray[np.float64] = factors_c / np.exp(np.log(factors_c).mean())
    return scaled_c


def scores_by_factor(
    pixels: FactorPixels, factors_c: NDArray[np.float64], label: int, metric: CountedMetric
) -> NDArray[np.float64]:
    """The score with the factor of one class multiplied by each of `FACTORS`, float64 `[S]`."""
    scaled_cn = pixels.scores_cn * factors_c[:, None].astype(np.float32)
    best_n, rival_n = _best_other_class(scaled_cn, label)
    needed_n = best_n / np.maximum(scaled_cn[label], MIN_SCORE)
    # A lower label wins a tie, as in every decision.
    step_n = np.where(
        rival_n < label, np.searchsorted(FACTORS, needed_n, "right"), np.searchsorted(FACTORS, needed_n)
    )
    classes, was_right_n = len(scaled_cn), rival_n == pixels.truth_n
    truth_n, rival_n = (labels_n + classes * pixels.image_n for labels_n in (pixels.truth_n, rival_n))
    shape = (pixels.images, classes)
    left = _label_counts_at_factors(step_n, rival_n, shape)
    lost = _label_counts_at_factors(step_n[was_right_n], rival_n[was_right_n], shape)
    won = _label_counts_at_factors(step_n, truth_n, shape)[..., label]
    hit = _label_counts_of_images(rival_n[was_right_n], shape) - lost
    hit[..., label] = won
    predicted = _label_counts_of_images(rival_n, shape) - left
    predicted[..., label] = left.sum(-1)
    truth = np.broadcast_to(_label_counts_of_images(truth_n, shape), hit.shape)
    tallies = metric.tallies(Counts(*(counts.astype(np.float64) for counts in (hit, truth, predicted))))
    return metric.metric.scores_of(np.stack([one.sum(1) for one in tallies], axis=-1))


def pixels_for_factors(
    scores_cin: ScoresCIN, labels_in: NDArray[np.uint8], metric: CountedMetric
) -> FactorPixels:
    """All pixels as one image where that is the same, else those of so many images that can be counted."""
    classes, images, count = scores_cin.shape
    if not metric.adds_up:
        every = -(-images * classes // MOST_COUNTS)
        scores_cin, labels_in = scores_cin[:, ::every], labels_in[::every]
        images = len(labels_in)
    image_n = np.zeros(images * count, np.intp) if metric.adds_up else np.arange(images).repeat(count)
    return FactorPixels(scores_cin.reshape(classes, -1), labels_in.ravel(), image_n)


def _best_other_class(scores_cn: ScoresCN, label: int) -> tuple[NDArray[np.float32], NDArray[np.intp]]:
    """The highest score of all other classes, and its class."""
    others_cn = scores_cn.copy()
    others_cn[label] = -1
    return others_cn.max(0), others_cn.argmax(0)


def _label_counts_of_images(cell_n: NDArray[np.intp], shape: tuple[int, int]) -> NDArray[np.int64]:
    """The number of pixels of each image and label, `[I, C]`."""
    return np.bincount(cell_n, minlength=shape[0] * shape[1]).reshape(shape)


def _label_counts_at_factors(
    step_n: NDArray[np.intp], cell_n: NDArray[np.intp], shape: tuple[int, int]
) -> NDArray[np.int64]:
    """The number of pixels of each image and label that have changed at each step, `[S, I, C]`."""
    cells, steps = shape[0] * shape[1], len(FACTORS)
    counted = np.bincount(step_n * cells + cell_n, minlength=(steps + 1) * cells)
    return counted.reshape(steps + 1, *shape)[:steps].cumsum(0)
