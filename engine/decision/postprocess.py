"""Masks of classes that overlap: from thresholds to the regions that stay."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from seg.engine.decision.regions import (
    MaskHW,
    area_of_largest_region,
    fill_holes,
    keep_largest_region,
    remove_small_regions,
)
from seg.labels.label_map import ProbabilitiesCHW
from seg.labels.task import MasksCHW
from seg.spec.ensemble.decision import ClassRule, EmptyBelow


def above_thresholds(probabilities_chw: ProbabilitiesCHW, rules: Sequence[ClassRule]) -> MasksCHW:
    """The pixels whose probability is above their class's threshold, bool `[C, H, W]`."""
    thresholds_c = np.array([rule.threshold for rule in rules], dtype=np.float32)
    return np.asarray(probabilities_chw > thresholds_c[:, None, None])


def postprocess_masks(
    masks_chw: MasksCHW, probabilities_chw: ProbabilitiesCHW, rules: Sequence[ClassRule]
) -> MasksCHW:
    """The masks after `empty_below`, `fill_holes`, `largest_only` and `least_area`, in this order.

    Args:
        masks_chw: the pixels above each class's threshold, bool `[C, H, W]`.
        probabilities_chw: of the classes, float32 `[C, H, W]`.
        rules: one for each class.
    """
    return np.stack(
        [
            _postprocess_class(mask_hw, probabilities_hw, rule)
            for mask_hw, probabilities_hw, rule in zip(masks_chw, probabilities_chw, rules, strict=True)
        ]
    )


def has_sure_region(probabilities_hw: NDArray[np.float32], needed: EmptyBelow, rule: ClassRule) -> bool:
    """Whether some region is as sure and as large as needed."""
    sure_hw = probabilities_hw >= np.float32(needed.probability)
    return area_of_largest_region(sure_hw, rule.connectivity) >= needed.area


def postprocess_rules_on_grid(rules: Sequence[ClassRule], pixels: float) -> tuple[ClassRule, ...]:
    """The rules on a grid that has so many pixels for each pixel of the image."""
    return tuple(_postprocess_rule_on_grid(rule, pixels) for rule in rules)


def _postprocess_class(mask_hw: MaskHW, probabilities_hw: NDArray[np.float32], rule: ClassRule) -> MaskHW:
    if rule.empty_below and not has_sure_region(probabilities_hw, rule.empty_below, rule):
        return np.zeros_like(mask_hw)
    if rule.fill_holes:
        mask_hw = fill_holes(mask_hw, rule.connectivity)
    if rule.largest_only:
        mask_hw = keep_largest_region(mask_hw, rule.connectivity)
    if rule.least_area > 1:
        mask_hw = remove_small_regions(mask_hw, rule.least_area, rule.connectivity)
    return mask_hw


def _postprocess_rule_on_grid(rule: ClassRule, pixels: float) -> ClassRule:
    sure = rule.empty_below
    return rule.model_copy(
        update={
            "least_area": round(rule.least_area * pixels),
            "empty_below": sure and sure.model_copy(update={"area": max(1, round(sure.area * pixels))}),
        }
    )
