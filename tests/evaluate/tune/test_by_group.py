"""Folds of groups, scores by group and standard errors, against simple loops."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from seg.evaluate.metrics.groups import number_groups
from seg.evaluate.tune.evidence.by_group import (
    folds_of_groups,
    gain_error_across_groups,
    score_by_criterion,
    score_of_worst_group,
)
from seg.evaluate.tune.scorer import tallies_of_counts
from seg.metrics.image_tallies import ImageTallies
from tests.evaluate.conftest import counted


@given(st.lists(st.sampled_from("abcdefghijkl"), min_size=1, max_size=60))
def test_folds_keep_groups_whole_and_none_is_empty(labels: list[str]) -> None:
    group_i = number_groups(labels)
    fold_i = folds_of_groups(group_i, most=5)
    assert len(set(zip(group_i.tolist(), fold_i.tolist(), strict=True))) == len(set(labels))
    assert set(fold_i.tolist()) == set(range(min(5, len(set(labels)))))


def miou(counts_icc: NDArray[np.int64]) -> float:
    """By hand."""
    counts_cc = counts_icc.sum(0)
    hit = np.diagonal(counts_cc)
    return float((hit / (counts_cc.sum(0) + counts_cc.sum(1) - hit)).mean())


def judged(counts_icc: NDArray[np.int64]) -> ImageTallies:
    return tallies_of_counts(counted("miou", 3), counts_icc)


def test_scores_are_those_of_the_groups() -> None:
    random = np.random.default_rng(0)
    counts_icc = random.integers(1, 50, (9, 3, 3))
    group_i = np.array([0, 0, 1, 1, 1, 2, 2, 2, 2])
    by_hand = [miou(counts_icc[group_i == group]) for group in range(3)]
    assert score_of_worst_group(judged(counts_icc), group_i) == pytest.approx(min(by_hand))
    assert score_by_criterion(judged(counts_icc), group_i, "worst-group") == pytest.approx(min(by_hand))
    assert score_by_criterion(judged(counts_icc), group_i, "mean") == pytest.approx(miou(counts_icc))


def test_an_error_is_that_of_leaving_each_group_out() -> None:
    random = np.random.default_rng(1)
    first, second = random.integers(1, 50, (2, 8, 3, 3))
    group_i = np.arange(8) // 2
    gains = [miou(first[group_i != group]) - miou(second[group_i != group]) for group in range(4)]
    expected = np.sqrt(3 * np.var(gains))
    assert gain_error_across_groups(judged(first), judged(second), group_i) == pytest.approx(expected)
    lowest = [
        min(miou(first[group_i == group]) for group in range(4) if group != left_out)
        - min(miou(second[group_i == group]) for group in range(4) if group != left_out)
        for left_out in range(4)
    ]
    assert gain_error_across_groups(judged(first), judged(second), group_i, "worst-group") == pytest.approx(
        np.sqrt(3 * np.var(lowest))
    )
    assert gain_error_across_groups(judged(first), judged(first), group_i) == 0
    assert gain_error_across_groups(judged(first), judged(second), np.zeros(8, np.intp)) == np.inf
