"""Probabilities of members at some pixels of each image, to search their views and weights."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final, Self

import numpy as np
from numpy.typing import NDArray

from seg.evaluate.cache.mixture import Views
from seg.evaluate.cache.passes import Passes
from seg.evaluate.tune.overlapping.threshold_curves import count_at_thresholds
from seg.labels.probability_codec import from_sigmoid_levels
from seg.labels.task import masks_of
from seg.metrics.from_counts import Counts, Tallies, class_score
from seg.terminal.progress import progress
from seg.views import ViewName

MAX_PIXELS: Final = 2048
"""The most pixels of one image."""

MAX_BYTES: Final = 2**27
"""The most bytes of the sampled probabilities of all passes, a byte each."""


@dataclass(frozen=True)
class SampledMembers:
    """Each member's probabilities, the mean over its views.

    Attributes:
        probabilities_mcin: float16, of M members and C classes at n pixels of each of I images.
        truth_cin: bool.
        weights_c: of the classes in the metric.
    """

    probabilities_mcin: NDArray[np.float16]
    truth_cin: NDArray[np.bool_]
    weights_c: NDArray[np.float64]

    @property
    def members(self) -> int:
        return len(self.probabilities_mcin)

    def of_images(self, chosen_i: NDArray[np.bool_]) -> Self:
        """Those of some images."""
        return replace(
            self,
            probabilities_mcin=self.probabilities_mcin[:, :, chosen_i],
            truth_cin=self.truth_cin[:, chosen_i],
        )

    def score(self, weights_m: NDArray[np.float64], tallies: Tallies) -> float:
        """The metric with the best threshold of each class."""
        best_c = []
        for label in range(len(self.truth_cin)):
            curve_t = class_score(tallies, self._count(weights_m, label))
            best_c.append(np.nanmax(curve_t) if np.isfinite(curve_t).any() else 0.0)
        return float(np.average(best_c, weights=self.weights_c))

    def tallies_at_best(self, weights_m: NDArray[np.float64], tallies: Tallies) -> NDArray[np.float64]:
        """Part and whole of each image and class with the best threshold of each class, `[I, C, 2]`."""
        best = []
        for label in range(len(self.truth_cin)):
            counts = self._count(weights_m, label)
            threshold = _best(class_score(tallies, counts))
            part_ti, whole_ti = tallies(counts)
            best.append(np.stack([part_ti[threshold], whole_ti[threshold]], axis=1))
        return np.stack(best, axis=1)

    def _count(self, weights_m: NDArray[np.float64], label: int) -> Counts:
        """Counts of a class at each threshold, `[T, I]`."""
        members_min = self.probabilities_mcin[:, label].astype(np.float32)
        return count_at_thresholds(
            np.tensordot(weights_m.astype(np.float32), members_min, 1), self.truth_cin[label]
        )


@dataclass(frozen=True)
class SampledPasses:
    """The levels of all passes at the same pixels, by member and view, uint8 `[C, I, n]`."""

    levels: Mapping[tuple[int, ViewName], NDArray[np.uint8]]
    truth_cin: NDArray[np.bool_]
    weights_c: NDArray[np.float64]

    def members(self, views: Mapping[int, Views]) -> SampledMembers:
        """These members, each in these views."""
        means = [self._mean(member, seen) for member, seen in views.items()]
        return SampledMembers(np.stack(means), self.truth_cin, self.weights_c)

    def _mean(self, member: int, views: Views) -> NDArray[np.float16]:
        total_cin = sum(from_sigmoid_levels(self.levels[member, view]) for view in views)
        return np.asarray(total_cin / np.float32(len(views)), dtype=np.float16)


def sample_passes(passes: Passes, weights_c: NDArray[np.float64], seed: int = 0) -> SampledPasses:
    """Sample the same number of pixels from every image."""
    keys = [(member, view) for member, views in enumerate(passes.views) for view in views]
    count = min(MAX_PIXELS, MAX_BYTES // (len(keys) * passes.classes * max(1, passes.images)))
    random = np.random.default_rng(seed)
    levels: dict[tuple[int, ViewName], list[NDArray[np.uint8]]] = {key: [] for key in keys}
    truth: list[NDArray[np.bool_]] = []
    with progress("sample", passes.images, unit="images") as advance:
        for image in range(passes.images):
            masks = masks_of(passes.labels(image), "multilabel", passes.classes).reshape(passes.classes, -1)
            pixels = random.integers(masks.shape[1], size=count)
            truth.append(masks[:, pixels])
            cached_image = passes.cached_image(image)
            for member, view in keys:
                planes = cached_image.levels(member, view).reshape(passes.classes, -1)
                levels[member, view].append(planes[:, pixels])
            advance()
    stacked = {key: np.stack(listed, axis=1) for key, listed in levels.items()}
    return SampledPasses(stacked, np.stack(truth, axis=1), weights_c)


def views_of(views: Sequence[Views]) -> dict[int, Views]:
    """The views of all members by their positions."""
    return dict(enumerate(views))


def _best(scores_t: NDArray[np.float64]) -> int:
    return int(np.nanargmax(scores_t)) if np.isfinite(scores_t).any() else len(scores_t) // 2
