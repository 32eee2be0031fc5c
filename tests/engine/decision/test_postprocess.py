"""Rules of classes that overlap, by hand and in their order."""

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from seg.engine.decision.postprocess import above_thresholds, postprocess_masks, postprocess_rules_on_grid
from seg.spec.ensemble.decision import ClassRule, EmptyBelow

PROBABILITIES = np.array(
    [
        [0.9, 0.9, 0.0, 0.6, 0.0, 0.0],
        [0.9, 0.0, 0.0, 0.0, 0.0, 0.0],
        [0.0, 0.0, 0.0, 0.0, 0.0, 0.0],
        [0.6, 0.6, 0.6, 0.0, 0.0, 0.0],
        [0.6, 0.1, 0.6, 0.0, 0.8, 0.8],
        [0.6, 0.6, 0.6, 0.0, 0.8, 0.8],
    ],
    dtype=np.float32,
)
"""Four regions above 0.5: an angle of 3, a single pixel, a ring of 8, a square of 4."""

ANGLE, PIXEL, RING, SQUARE = (
    np.isin(np.arange(36).reshape(6, 6), places)
    for places in ([0, 1, 6], [3], [18, 19, 20, 24, 26, 30, 31, 32], [28, 29, 34, 35])
)
HOLE = np.arange(36).reshape(6, 6) == 25


def decided(**rule: Any) -> NDArray[np.bool_]:
    rules = [ClassRule(**rule)]
    return np.asarray(
        postprocess_masks(above_thresholds(PROBABILITIES[None], rules), PROBABILITIES[None], rules)[0]
    )


def sure(probability: float, area: int) -> EmptyBelow:
    return EmptyBelow(probability=probability, area=area)


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        ({}, ANGLE | PIXEL | RING | SQUARE),
        ({"threshold": 0.6}, ANGLE | SQUARE),
        ({"threshold": 0.59}, ANGLE | PIXEL | RING | SQUARE),
        ({"least_area": 3}, ANGLE | RING | SQUARE),
        ({"least_area": 4}, RING | SQUARE),
        ({"least_area": 9}, np.zeros((6, 6), np.bool_)),
        ({"fill_holes": True}, ANGLE | PIXEL | RING | HOLE | SQUARE),
        ({"fill_holes": True, "least_area": 9}, RING | HOLE),
        ({"largest_only": True}, RING),
        ({"largest_only": True, "least_area": 9}, np.zeros((6, 6), np.bool_)),
        ({"empty_below": sure(0.9, 3)}, ANGLE | PIXEL | RING | SQUARE),
        ({"empty_below": sure(0.9, 4)}, np.zeros((6, 6), np.bool_)),
        ({"empty_below": sure(0.8, 4)}, ANGLE | PIXEL | RING | SQUARE),
        # 7 pixels have 0.8 or more, but not of one region.
        ({"empty_below": sure(0.8, 5)}, np.zeros((6, 6), np.bool_)),
        # The region that is sure need not be above the threshold, nor stay.
        ({"threshold": 0.85, "empty_below": sure(0.6, 8)}, ANGLE),
        ({"largest_only": True, "empty_below": sure(0.9, 3)}, RING),
    ],
)
def test_rules_of_one_class(rule: dict[str, Any], expected: NDArray[np.bool_]) -> None:
    np.testing.assert_array_equal(decided(**rule), expected)


def test_each_class_has_its_own_rule_and_nothing_is_changed_in_place() -> None:
    rules = [ClassRule(least_area=4), ClassRule(largest_only=True, threshold=0.7)]
    probabilities = np.stack([PROBABILITIES, PROBABILITIES])
    masks = above_thresholds(probabilities, rules)
    before = masks.copy()
    np.testing.assert_array_equal(postprocess_masks(masks, probabilities, rules), [RING | SQUARE, SQUARE])
    np.testing.assert_array_equal(masks, before)


def test_areas_follow_the_grid() -> None:
    rule = ClassRule(least_area=100, empty_below=sure(0.9, 3), threshold=0.4)
    (smaller,) = postprocess_rules_on_grid([rule], 0.25)
    assert smaller == ClassRule(least_area=25, empty_below=sure(0.9, 1), threshold=0.4)
