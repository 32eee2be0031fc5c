"""From probabilities to labels: ties, grids, class factors and class weights."""

from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from seg.engine import Ensemble
from seg.engine.merging.decision import Decision, decide_labels, resize_probabilities
from seg.errors import SpecError
from seg.spec import load_ensemble
from seg.spec.ensemble.decision import ClassRule
from tests.engine.tiny_images import images_of_sizes


def test_ties_go_to_the_lower_label() -> None:
    tied = np.full((3, 2, 2), 1 / 3, dtype=np.float32)
    assert decide_labels(tied).tolist() == [[0, 0], [0, 0]]


@given(classes=st.integers(2, 6), seed=st.integers(0, 1000), has_factors=st.booleans())
def test_leads_are_what_the_next_class_lacks(classes: int, seed: int, has_factors: bool) -> None:
    rng = np.random.default_rng(seed)
    scores = rng.random((classes, 3, 4)).astype(np.float32)
    factors = tuple(rng.uniform(0.2, 5, classes)) if has_factors else ()
    lead_hw = Decision(factors=factors).margins(scores)
    labels_hw = decide_labels(scores, factors=factors)
    np.testing.assert_array_equal(
        labels_hw, (scores * np.array(factors or [1.0] * classes)[:, None, None]).argmax(0)
    )
    for row, column in np.ndindex(3, 4):
        for nudge, overtakes in ((-1e-5, False), (1e-5, True)):
            raised = np.repeat(scores[:, row, column, None], classes, axis=1)
            raised[np.diag_indices(classes)] += lead_hw[row, column] + np.float32(nudge)
            winners = decide_labels(raised[:, None], factors=factors)[0]
            others = np.arange(classes) != labels_hw[row, column]
            assert (winners[others] != labels_hw[row, column]).any() == overtakes


def test_class_factors_of_a_spec_change_labels_and_not_probabilities(project: Path) -> None:
    spec = load_ensemble(project)
    image_hwc = images_of_sizes()[0]
    plain = Ensemble.load(spec).predict(image_hwc)
    weighed = Ensemble.load(spec.model_copy(update={"class_factors": {"glass": 3.0}})).predict(image_hwc)
    np.testing.assert_array_equal(weighed.probabilities, plain.probabilities)
    expected = plain.probabilities * np.array([1, 1, 3, 1])[:, None, None]
    np.testing.assert_array_equal(weighed.labels, expected.argmax(0))
    assert (weighed.labels != plain.labels).any()


def test_class_weights_of_a_spec_weigh_members_by_class(project: Path) -> None:
    spec = load_ensemble(project)
    a, b = (Ensemble.load(spec).only([name]).predict(images_of_sizes()[0]).probabilities for name in "ab")
    members = [spec.members[0].model_copy(update={"class_weights": {"paper": 4.0}}), spec.members[1]]
    found = Ensemble.load(spec.model_copy(update={"members": tuple(members)})).predict(images_of_sizes()[0])
    share = np.array([1 / 3, 4 / 6, 1 / 3, 1 / 3])[:, None, None]
    expected = share * a + (1 - share) * b
    np.testing.assert_allclose(found.probabilities, expected / expected.sum(0), atol=1e-6)


def test_class_weights_go_with_the_mean(project: Path) -> None:
    text = project.read_text().replace('"name": "a"', '"name": "a", "class_weights": {"paper": 2}')
    project.write_text(text.replace('"views": "d4"', '"views": "d4", "merge": "vote"'))
    with pytest.raises(SpecError, match="'merge: geometric' or 'vote' and 'class_weights' exclude"):
        load_ensemble(project)


def test_a_factor_for_no_class_is_refused(project: Path) -> None:
    spec = load_ensemble(project).model_copy(update={"class_factors": {"gold": 3.0}})
    with pytest.raises(
        SpecError, match=r"class_factors: there is no class 'gold': classes are ground, paper"
    ):
        Ensemble.load(spec)


def test_a_grid_that_is_larger_on_one_side_is_interpolated_on_both() -> None:
    probabilities = np.random.default_rng(0).random((3, 4, 6)).astype(np.float32)
    for size_hw in ((8, 3), (2, 9), (8, 12)):
        expected = torch.nn.functional.interpolate(
            torch.from_numpy(probabilities)[None], size_hw, mode="bilinear"
        )
        np.testing.assert_allclose(
            resize_probabilities(probabilities, size_hw), expected[0].numpy(), atol=1e-6
        )


def test_areas_of_rules_are_counted_on_the_grid() -> None:
    """A region of 4 x 4 pixels is one of 2 x 2 on a grid of half the size, where 20 pixels are 5."""
    probabilities = np.full((2, 16, 16), 0.9, dtype=np.float32)
    probabilities[1] = 0.1
    probabilities[:, 4:8, 4:8] = probabilities[::-1, 4:8, 4:8]
    for least_area, kept in ((16, 4), (20, 0)):
        rules = (ClassRule(), ClassRule(least_area=least_area))
        assert (Decision((8, 8), rules=rules).labels(probabilities) == 1).sum() == kept


def test_classes_that_overlap_have_a_threshold_of_a_half_without_rules() -> None:
    probabilities = np.array([[[0.2, 0.6]], [[0.7, 0.5]]], dtype=np.float32)
    assert Decision(task="multilabel").labels(probabilities).tolist() == [[0b10, 0b01]]


def test_a_smaller_grid_averages_the_cells() -> None:
    probabilities = np.random.default_rng(0).random((3, 4, 6)).astype(np.float32)
    expected = probabilities.reshape(3, 2, 2, 3, 2).mean((2, 4))
    np.testing.assert_allclose(resize_probabilities(probabilities, (2, 3)), expected, atol=1e-6)
    np.testing.assert_array_equal(decide_labels(probabilities, (2, 3)), expected.argmax(0))
