"""What every threshold and least area leaves of each image, counted once, so that rules are searched without
pixels.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import Final, Self

import numpy as np
from numpy.typing import NDArray

from seg.engine.decision.regions import area_of_largest_region, find_regions
from seg.labels.label_map import ProbabilitiesCHW
from seg.labels.task import MasksCHW
from seg.metrics.from_counts import Counts
from seg.metrics.metric import MaskHW
from seg.spec.ensemble.decision import ClassRule, EmptyBelow

THRESHOLDS: Final = tuple(round(0.05 * step, 2) for step in range(2, 19))
"""0.1 to 0.9."""

SURE: Final = (0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95)
"""Probabilities that a region may need to have."""

SMALLEST: Final = 4
LARGEST_SHARE: Final = 0.1
AREAS: Final = 20
"""Areas from 4 pixels to a tenth of the image are tried."""


@dataclass(frozen=True)
class RegionTable:
    """Counts of one class in I images, with T thresholds, A least areas and S probabilities.

    Attributes:
        areas: in rising order, the first 0.
        both_tai, predicted_tai: labelled pixels of regions that are not smaller.
        truth_i: pixels in the truth.
        largest_si: the largest region of pixels that have each probability of `SURE`.
    """

    areas: tuple[int, ...]
    both_tai: NDArray[np.int64]
    predicted_tai: NDArray[np.int64]
    truth_i: NDArray[np.int64]
    largest_si: NDArray[np.int64]

    def of_images(self, chosen_i: NDArray[np.bool_]) -> Self:
        """That of some images."""
        return replace(
            self,
            both_tai=self.both_tai[..., chosen_i],
            predicted_tai=self.predicted_tai[..., chosen_i],
            truth_i=self.truth_i[chosen_i],
            largest_si=self.largest_si[:, chosen_i],
        )

    @property
    def counts(self) -> Counts:
        """Of all thresholds and areas, `[T, A, I]`."""
        return Counts(*(np.asarray(n, np.float64) for n in (self.both_tai, self.truth_i, self.predicted_tai)))

    def rule(self, threshold: int, area: int, sure: tuple[int, int] | None = None) -> ClassRule:
        """The rule at these positions; `sure` has those of the probability and the area of `empty_below`."""
        return ClassRule(
            threshold=THRESHOLDS[threshold],
            least_area=self.areas[area],
            empty_below=EmptyBelow(probability=SURE[sure[0]], area=self.areas[sure[1]]) if sure else None,
        )


def count_regions(
    images: Iterable[tuple[ProbabilitiesCHW, MasksCHW, MaskHW]], classes: int, pixels: int
) -> tuple[RegionTable, ...]:
    """The table of each class.

    Args:
        images: merged probabilities, true masks, and the pixels that are labelled, which are counted.
        pixels: of an image, about; areas up to a tenth of them are tried.
    """
    largest = max(SMALLEST + 1, LARGEST_SHARE * pixels)
    areas = (0, *np.unique(np.geomspace(SMALLEST, largest, AREAS).astype(int)).tolist())
    columns: list[list[tuple[NDArray[np.int64], ...]]] = [[] for _ in range(classes)]
    for probabilities_chw, truth_chw, labelled_hw in images:
        for column, probabilities_hw, truth_hw in zip(columns, probabilities_chw, truth_chw, strict=True):
            column.append(_count_regions_of_image(probabilities_hw, truth_hw, labelled_hw, np.array(areas)))
    return tuple(
        RegionTable(areas, *(np.stack(parts, axis=-1) for parts in zip(*column, strict=True)))
        for column in columns
    )


def _count_regions_of_image(
    probabilities_hw: NDArray[np.float32], truth_hw: MaskHW, labelled_hw: MaskHW, areas_a: NDArray[np.int64]
) -> tuple[NDArray[np.int64], ...]:
    connectivity = ClassRule().connectivity
    both_ta, predicted_ta = (np.zeros((len(THRESHOLDS), len(areas_a)), np.int64) for _ in range(2))
    for position, threshold in enumerate(THRESHOLDS):
        numbers_hw, areas_n = find_regions(probabilities_hw > np.float32(threshold), connectivity)
        counted_n, hits_n = (
            np.bincount(numbers_hw[pixels_hw], minlength=len(areas_n))
            for pixels_hw in (labelled_hw, truth_hw)
        )
        counted_n[0] = hits_n[0] = 0
        stays_an = areas_n >= areas_a[:, None]
        predicted_ta[position], both_ta[position] = stays_an @ counted_n, stays_an @ hits_n
    largest_s = [area_of_largest_region(probabilities_hw >= np.float32(sure), connectivity) for sure in SURE]
    return both_ta, predicted_ta, np.array(truth_hw.sum()), np.array(largest_s)


Fit = Callable[[RegionTable], ClassRule]
"""Fits the rule of a class."""
