"""Tallies of images with the metric that they are of: scores of all, of groups, and without some."""

from dataclasses import dataclass, replace
from typing import Self

import numpy as np
from numpy.typing import NDArray

from seg.metrics.metric import Metric, TalliesIC2


@dataclass(frozen=True)
class ImageTallies:
    """Part and whole of each image and class, float64 `[I, C, 2]`; see `Metric`."""

    metric: Metric
    tallies_ic2: TalliesIC2

    @property
    def score(self) -> float:
        """Of all images; NaN if they have no class that counts."""
        return self.metric.score(self.tallies_ic2)

    @property
    def image_scores(self) -> NDArray[np.float64]:
        """Of each image, float64 `[I]`; NaN as above."""
        return self.metric.scores_of(self.tallies_ic2)

    def by_group(self, group_i: NDArray[np.intp]) -> Self:
        """Those of groups of images, in place of images."""
        summed = np.zeros((int(group_i.max()) + 1, *self.tallies_ic2.shape[1:]))
        np.add.at(summed, group_i, self.tallies_ic2)
        return replace(self, tallies_ic2=summed)

    def of_images(self, chosen_i: NDArray[np.bool_]) -> Self:
        """Those of some images."""
        return replace(self, tallies_ic2=self.tallies_ic2[chosen_i])

    def without(self, image: int) -> Self:
        """Those of all images but one."""
        return replace(self, tallies_ic2=np.delete(self.tallies_ic2, image, axis=0))
