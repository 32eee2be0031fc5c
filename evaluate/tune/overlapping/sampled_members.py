"""Probabilities of members at some pixels of each image, to search their weights."""

from dataclasses import dataclass, replace
from typing import Final, Self

import numpy as np
from numpy.typing import NDArray

from seg.evaluate.cache.mixture import Mixture
from seg.evaluate.cache.passes import Passes
from seg.evaluate.tune.overlapping.threshold_curves import count_at_thresholds
from seg.labels.task import masks_of
from seg.metrics.from_counts import Tallies, class_score
from seg.terminal.progress import progress

MAX_PIXELS: Final = 2048
"""The most pixels of one image."""

MAX_VALUES: Final = 2**26
"""The most probabilities of all members, two bytes each."""


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
        for members_min, truth_in in zip(self.probabilities_mcin.swapaxes(0, 1), self.truth_cin, strict=True):
            merged_in = np.tensordot(weights_m.astype(np.float32), members_min.astype(np.float32), 1)
            curve_t = class_score(tallies, count_at_thresholds(merged_in, truth_in))
            best_c.append(np.nanmax(curve_t) if np.isfinite(curve_t).any() else 0.0)
        return float(np.average(best_c, weights=self.weights_c))


def sample_members(passes: Passes, weights_c: NDArray[np.float64], seed: int = 0) -> SampledMembers:
    """Sample the same number of pixels from every image."""
    members = range(len(passes.names))
    count = min(MAX_PIXELS, MAX_VALUES // (len(members) * passes.classes * max(1, passes.images)))
    random = np.random.default_rng(seed)
    probabilities, truth = [], []
    with progress("sample", passes.images, unit="images") as advance:
        for image in range(passes.images):
            masks = masks_of(passes.labels(image), "multilabel", passes.classes).reshape(passes.classes, -1)
            pixels = random.integers(masks.shape[1], size=count)
            truth.append(masks[:, pixels])
            cached_image = passes.cached_image(image)
            alone = (cached_image.merged(Mixture.single(member, passes.views)) for member in members)
            probabilities.append(
                np.stack([one.reshape(passes.classes, -1)[:, pixels] for one in alone]).astype(np.float16)
            )
            advance()
    return SampledMembers(np.stack(probabilities, axis=2), np.stack(truth, axis=1), weights_c)
