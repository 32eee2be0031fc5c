"""The decision: from merged probabilities to a label map."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from seg.engine.decision.postprocess import above_thresholds, postprocess_masks, postprocess_rules_on_grid
from seg.engine.decision.small_regions import replace_small_regions
from seg.engine.passes.device_values import Merged, merged_on_host
from seg.engine.passes.passes import Size
from seg.labels.label_map import LabelsHW, ProbabilitiesCHW
from seg.labels.task import THRESHOLD, LabelMap, Task, classes_overlap, masks_of, pack_masks
from seg.spec.ensemble.decision import ClassRule


@dataclass(frozen=True, slots=True)
class Decision:
    """How merged probabilities become labels.

    Attributes:
        grid_hw: the size of the label maps; by default that of the probabilities.
        factors: what each class's probability is multiplied by before the argmax; by default 1.
        task: whether the most probable class wins, or each class has a threshold of its own.
        rules: one for each class; by default a threshold of `THRESHOLD` where classes overlap.
    """

    grid_hw: Size | None = None
    factors: tuple[float, ...] = ()
    task: Task = "multiclass"
    rules: tuple[ClassRule, ...] = ()

    @property
    def needs_regions(self) -> bool:
        """Whether it looks at regions, so that the whole image must be known."""
        return any(rule.needs_regions for rule in self.rules)

    def labels(self, merged: Merged) -> LabelMap:
        """Label map on the grid; decided on the device unless it is resized or regions are looked at."""
        if not isinstance(merged, np.ndarray) and self._fits_device(merged.size_hw):
            if classes_overlap(self.task):
                return merged.masks(tuple(rule.threshold for rule in self.rules) or (THRESHOLD,))
            return merged.labels(self.factors)
        merged_chw = merged_on_host(merged)
        if classes_overlap(self.task):
            return decide_masks(merged_chw, self.grid_hw, self.rules or (ClassRule(),) * len(merged_chw))
        if self.needs_regions:
            return decide_regions(merged_chw, self.grid_hw, self.factors, self.rules)
        return decide_labels(merged_chw, self.grid_hw, self.factors)

    def _fits_device(self, size_hw: Size) -> bool:
        return not self.needs_regions and self.grid_hw in (None, size_hw)

    def thresholds_of(self, classes: int) -> tuple[float, ...]:
        """The threshold of each of so many classes that overlap."""
        return tuple(rule.threshold for rule in self.rules) or (THRESHOLD,) * classes

    def margins(self, scores_chw: ProbabilitiesCHW) -> NDArray[np.float32]:
        """What must be added to a pixel's second class for it to overtake the first, float32, on the grid.

        Of classes that overlap: how far the nearest is from its threshold.
        """
        if classes_overlap(self.task):
            planes_chw = resize_probabilities(scores_chw, self.grid_hw)
            thresholds_c = np.array(self.thresholds_of(len(planes_chw)), dtype=np.float32)
            return np.asarray(np.abs(planes_chw - thresholds_c[:, None, None]).min(axis=0))
        return second_smallest_deficit(
            score_deficits(resize_probabilities(scores_chw, self.grid_hw), self.factors)
        )


def decide_labels(
    probabilities_chw: ProbabilitiesCHW, size_hw: Size | None = None, factors: tuple[float, ...] = ()
) -> LabelsHW:
    """The most probable class of each pixel, uint8 `[H, W]`; the lower label where two tie.

    With `size_hw`, probabilities are first averaged over the cells of that grid (or interpolated
    where it is finer), so that a pixel of the grid gets the class of most of its area. With `factors`, each
    class's probability counts so many times.
    """
    planes = _scores_times_factors(resize_probabilities(probabilities_chw, size_hw), factors)
    best_hw = next(planes).copy()
    ahead_hw = np.empty(best_hw.shape, dtype=np.bool_)
    labels_hw = np.zeros(best_hw.shape, dtype=np.uint8)
    for label, plane_hw in enumerate(planes, start=1):
        np.greater(plane_hw, best_hw, out=ahead_hw)
        # Labels only grow here, so a maximum writes the new one where the class is ahead.
        np.maximum(labels_hw, ahead_hw * np.uint8(label), out=labels_hw)
        np.maximum(best_hw, plane_hw, out=best_hw)
    return labels_hw


def decide_masks(
    probabilities_chw: ProbabilitiesCHW, size_hw: Size | None, rules: Sequence[ClassRule]
) -> LabelMap:
    """The classes of each pixel by their rules, as bits `[H, W]`.

    With `size_hw`, probabilities are resized first, as in `decide_labels`.
    """
    planes_chw = resize_probabilities(probabilities_chw, size_hw)
    masks_chw = above_thresholds(planes_chw, rules)
    if any(rule.needs_regions for rule in rules):
        masks_chw = postprocess_masks(
            masks_chw, planes_chw, _rules_on_grid_of(planes_chw, probabilities_chw, rules)
        )
    return pack_masks(masks_chw)


def decide_regions(
    probabilities_chw: ProbabilitiesCHW,
    size_hw: Size | None,
    factors: tuple[float, ...],
    rules: Sequence[ClassRule],
) -> LabelsHW:
    """The same as `decide_labels`, without regions that are too small for their class."""
    planes_chw = resize_probabilities(probabilities_chw, size_hw)
    labels_hw = decide_labels(planes_chw, factors=factors)
    rules = _rules_on_grid_of(planes_chw, probabilities_chw, rules)
    return replace_small_regions(labels_hw, planes_chw, rules, factors)


def confidence_of_labels(
    labels_hw: LabelMap, probabilities_chw: ProbabilitiesCHW, task: Task = "multiclass"
) -> NDArray[np.float32]:
    """The probability of each pixel's label, float32 `[H, W]`, whichever class is the most probable.

    Of classes that overlap it is that of the least certain one: of the class where the pixel has it, else of
    its absence.
    """
    if classes_overlap(task):
        masks_chw = masks_of(labels_hw, task, len(probabilities_chw))
        decided_chw = np.where(masks_chw, probabilities_chw, 1 - probabilities_chw)
        return np.asarray(decided_chw.min(axis=0), dtype=np.float32)
    own_1hw = np.take_along_axis(probabilities_chw, labels_hw[None].astype(np.intp), axis=0)
    return np.asarray(own_1hw[0], dtype=np.float32)


def score_deficits(scores_chw: ProbabilitiesCHW, factors: tuple[float, ...]) -> Iterator[NDArray[np.float32]]:
    """What each class's score lacks for it to be the first, class by class, float32 `[H, W]`."""
    highest_hw = _highest_score(scores_chw, factors)
    for label, plane_hw in enumerate(scores_chw):
        yield (highest_hw * np.float32(1 / factors[label]) if factors else highest_hw) - plane_hw


def second_smallest_deficit(planes: Iterable[NDArray[np.float32]]) -> NDArray[np.float32]:
    """Each pixel's second least value, float32 `[H, W]`, of two planes or more."""
    rest = iter(planes)
    least_hw = next(rest).copy()
    second_hw = np.full_like(least_hw, np.inf)
    larger_hw = np.empty_like(least_hw)
    for plane_hw in rest:
        np.maximum(least_hw, plane_hw, out=larger_hw)
        np.minimum(second_hw, larger_hw, out=second_hw)
        np.minimum(least_hw, plane_hw, out=least_hw)
    return second_hw


def resize_probabilities(probabilities_chw: ProbabilitiesCHW, size_hw: Size | None) -> ProbabilitiesCHW:
    """Probabilities resized plane by plane: by area when shrinking, else bilinearly."""
    height, width = probabilities_chw.shape[1:]
    if size_hw is None or (height, width) == size_hw:
        return probabilities_chw
    shrinks = size_hw[0] <= height and size_hw[1] <= width
    method = cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
    planes = [cv2.resize(plane, size_hw[::-1], interpolation=method) for plane in probabilities_chw]
    return np.stack(planes).astype(np.float32, copy=False)


def _rules_on_grid_of(
    planes_chw: ProbabilitiesCHW, image_chw: ProbabilitiesCHW, rules: Sequence[ClassRule]
) -> Sequence[ClassRule]:
    """The rules with areas in pixels of the grid."""
    return postprocess_rules_on_grid(rules, planes_chw[0].size / image_chw[0].size)


def _scores_times_factors(
    scores_chw: ProbabilitiesCHW, factors: tuple[float, ...]
) -> Iterator[NDArray[np.float32]]:
    """Planes times their factors, one by one."""
    if not factors:
        return iter(scores_chw)
    return (plane * np.float32(factor) for plane, factor in zip(scores_chw, factors, strict=True))


def _highest_score(scores_chw: ProbabilitiesCHW, factors: tuple[float, ...]) -> NDArray[np.float32]:
    planes = _scores_times_factors(scores_chw, factors)
    highest_hw = next(planes).copy()
    for plane_hw in planes:
        np.maximum(highest_hw, plane_hw, out=highest_hw)
    return highest_hw
