"""From merged probabilities to a label map."""

from collections.abc import Iterator
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from seg.engine.passes import Size
from seg.labels import LabelsHW, ProbabilitiesCHW


@dataclass(frozen=True, slots=True)
class Decision:
    """How merged probabilities become labels.

    Attributes:
        grid_hw: the size of the label maps; by default that of the probabilities.
        factors: what each class's probability is multiplied with before the largest wins; by default 1.
    """

    grid_hw: Size | None = None
    factors: tuple[float, ...] = ()

    def labels(self, probabilities_chw: ProbabilitiesCHW) -> LabelsHW:
        """Label map, uint8, on the grid."""
        return decide(probabilities_chw, self.grid_hw, self.factors)

    def leads(self, scores_chw: ProbabilitiesCHW) -> NDArray[np.float32]:
        """What must be added to a pixel's second class for it to overtake the first, float32, on the grid."""
        return leads(on_grid(scores_chw, self.grid_hw), self.factors)


def decide(
    probabilities_chw: ProbabilitiesCHW, size_hw: Size | None = None, factors: tuple[float, ...] = ()
) -> LabelsHW:
    """The most probable class of each pixel, uint8 `[H, W]`; the lower label where two tie.

    With `size_hw`, probabilities are first averaged over the cells of that grid (or interpolated
    where it is finer), so that a pixel of the grid gets the class of most of its area. With `factors`, each
    class's probability counts so many times.
    """
    planes = _scaled(on_grid(probabilities_chw, size_hw), factors)
    best_hw = next(planes).copy()
    ahead_hw = np.empty(best_hw.shape, dtype=np.bool_)
    labels_hw = np.zeros(best_hw.shape, dtype=np.uint8)
    for label, plane_hw in enumerate(planes, start=1):
        np.greater(plane_hw, best_hw, out=ahead_hw)
        # Labels only grow here, so a maximum writes the new one where the class is ahead.
        np.maximum(labels_hw, ahead_hw * np.uint8(label), out=labels_hw)
        np.maximum(best_hw, plane_hw, out=best_hw)
    return labels_hw


def leads(scores_chw: ProbabilitiesCHW, factors: tuple[float, ...] = ()) -> NDArray[np.float32]:
    """How much score each pixel's second class lacks to overtake the first, float32 `[H, W]`.

    Without factors, that is by how much the first is ahead. With them, a class overtakes where its factor
    times its score does.
    """
    highest_hw = _highest(scores_chw, factors)
    # What each class lacks: nothing for the leader, so the second least is the lead.
    least_hw = np.full_like(highest_hw, np.inf)
    second_hw = least_hw.copy()
    lacking_hw = np.empty_like(highest_hw)
    larger_hw = np.empty_like(highest_hw)
    for label, plane_hw in enumerate(scores_chw):
        np.multiply(highest_hw, np.float32(1 / factors[label] if factors else 1), out=lacking_hw)
        lacking_hw -= plane_hw
        np.maximum(least_hw, lacking_hw, out=larger_hw)
        np.minimum(second_hw, larger_hw, out=second_hw)
        np.minimum(least_hw, lacking_hw, out=least_hw)
    return second_hw


def on_grid(probabilities_chw: ProbabilitiesCHW, size_hw: Size | None) -> ProbabilitiesCHW:
    """Probabilities resized plane by plane: by area when shrinking, else bilinearly."""
    height, width = probabilities_chw.shape[1:]
    if size_hw is None or (height, width) == size_hw:
        return probabilities_chw
    shrinks = size_hw[0] <= height and size_hw[1] <= width
    method = cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
    planes = [cv2.resize(plane, size_hw[::-1], interpolation=method) for plane in probabilities_chw]
    return np.stack(planes).astype(np.float32, copy=False)


def _scaled(scores_chw: ProbabilitiesCHW, factors: tuple[float, ...]) -> Iterator[NDArray[np.float32]]:
    """Planes times their factors, one by one."""
    if not factors:
        return iter(scores_chw)
    return (plane * np.float32(factor) for plane, factor in zip(scores_chw, factors, strict=True))


def _highest(scores_chw: ProbabilitiesCHW, factors: tuple[float, ...]) -> NDArray[np.float32]:
    planes = _scaled(scores_chw, factors)
    highest_hw = next(planes).copy()
    for plane_hw in planes:
        np.maximum(highest_hw, plane_hw, out=highest_hw)
    return highest_hw
