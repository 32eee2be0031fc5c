"""Small regions of a label map, beside a loop over pixels."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy import ndimage

from seg.engine.decision.small_regions import replace_small_regions
from seg.spec.ensemble.decision import ClassRule

CORNERS = np.ones((3, 3), np.bool_)


def replaced_by_loop(
    labels: NDArray[np.uint8], scores: NDArray[np.float32], least: list[int]
) -> NDArray[np.uint8]:
    labels, classes = labels.copy(), len(scores)
    had: dict[tuple[int, int], set[int]] = {place: set() for place in np.ndindex(*labels.shape)}
    while True:
        small = []
        for label in range(classes):
            numbers, count = ndimage.label(labels == label, CORNERS)
            for number in range(1, count + 1):
                if (numbers == number).sum() < least[label]:
                    small += [(int(row), int(column)) for row, column in np.argwhere(numbers == number)]
        changes = {}
        for place in small:
            had[place].add(int(labels[place]))
            left = [label for label in range(classes) if label not in had[place]]
            if left:
                changes[place] = max(left, key=lambda label: (scores[label][place], -label))
        if not changes:
            return labels
        for place, label in changes.items():
            labels[place] = label


@given(seed=st.integers(0, 10_000), classes=st.integers(2, 4), most=st.integers(1, 12))
def test_small_regions_get_the_next_likeliest_class(seed: int, classes: int, most: int) -> None:
    random = np.random.default_rng(seed)
    scores = random.dirichlet(np.ones(classes), (7, 8)).transpose(2, 0, 1).astype(np.float32)
    labels = scores.argmax(0).astype(np.uint8)
    least = random.integers(0, most + 1, classes).tolist()
    found = replace_small_regions(labels, scores, [ClassRule(least_area=area) for area in least])
    np.testing.assert_array_equal(found, replaced_by_loop(labels, scores, least))


def test_class_factors_decide_who_follows() -> None:
    scores = np.zeros((3, 4, 4), np.float32)
    scores[:] = np.array([0.5, 0.2, 0.3])[:, None, None]
    scores[:, 1, 1] = [0.3, 0.5, 0.2]
    scores[:, 2, 3] = [0.2, 0.5, 0.3]
    labels = (scores * np.array([1, 1, 1])[:, None, None]).argmax(0).astype(np.uint8)
    rules = [ClassRule(), ClassRule(least_area=2), ClassRule()]
    plain = replace_small_regions(labels, scores, rules)
    assert (plain[1, 1], plain[2, 3]) == (0, 2)
    weighed = replace_small_regions(labels, scores, rules, factors=[2.0, 1.0, 1.0])
    assert (weighed[1, 1], weighed[2, 3]) == (0, 0)


def test_labels_without_small_regions_stay() -> None:
    labels = np.zeros((3, 3), np.uint8)
    found = replace_small_regions(labels, np.zeros((1, 3, 3), np.float32), [ClassRule(least_area=100)])
    np.testing.assert_array_equal(found, labels)
