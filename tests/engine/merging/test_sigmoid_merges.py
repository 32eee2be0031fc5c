"""Merges of classes that overlap, against two-class softmaxes and plain arithmetic in float64."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from seg.engine.merging.decision import Decision, confidence_of_labels
from seg.engine.merging.merges import new_merge
from seg.engine.passes.merge_shares import merge_shares_by_class
from seg.engine.passes.passes import PassOrder, PlannedPass
from seg.engine.passes.views import VIEWS
from seg.labels.label_map import ProbabilitiesCHW
from seg.labels.task import Task
from seg.spec.ensemble.decision import ClassRule
from seg.spec.ensemble.prediction import MergeName
from seg.views import VIEW_NAMES

SIZE = (5, 7)
CLASSES = 3
SHARES = st.lists(st.floats(0.1, 9), min_size=1, max_size=10)
Passes = list[ProbabilitiesCHW]


def plan_of(shares: list[float]) -> list[PlannedPass]:
    """A pass of a member of its own for each share, in different views."""
    total = sum(shares)
    return [
        PlannedPass(position, VIEWS[VIEW_NAMES[position % 8]], share / total)
        for position, share in enumerate(shares)
    ]


def sigmoids(count: int, seed: int, *, sharp: bool = False) -> Passes:
    """The probabilities of each pass in the image's own frame."""
    logits = np.random.default_rng(seed).normal(0, 30 if sharp else 1, (count, CLASSES, *SIZE))
    return list(torch.from_numpy(logits).sigmoid().numpy().astype(np.float32))


def merged(
    name: MergeName, pass_order: PassOrder, samples: Passes, task: Task = "multilabel"
) -> ProbabilitiesCHW:
    merge = new_merge(name, pass_order, len(samples[0]), SIZE, task)
    for position, (planned, sample) in enumerate(zip(pass_order, samples, strict=True)):
        seen = np.stack([planned.view.apply(plane[..., None])[..., 0] for plane in sample])
        merge.add(position, np.ascontiguousarray(seen))
    return merge.merged()


@given(shares=SHARES, seed=st.integers(0, 99), sharp=st.booleans())
def test_mean_is_the_weighted_mean_of_each_class(shares: list[float], seed: int, sharp: bool) -> None:
    samples = sigmoids(len(shares), seed, sharp=sharp)
    expected = np.average(np.stack(samples).astype(np.float64), axis=0, weights=shares)
    np.testing.assert_allclose(merged("mean", plan_of(shares), samples), expected, atol=1e-6)


@given(weights=st.lists(st.floats(0.1, 9), min_size=2, max_size=5), seed=st.integers(0, 99))
def test_weights_for_each_class_are_weights_of_its_mean(weights: list[float], seed: int) -> None:
    """One of them is 0, as where a member does not cover a class."""
    samples = sigmoids(len(weights), seed)
    by_class = np.random.default_rng(seed).uniform(0.1, 5, (len(weights), CLASSES))
    by_class[0, 1] = 0
    shares = merge_shares_by_class(weights, by_class.tolist())
    pass_order = [replace(p, class_shares=own) for p, own in zip(plan_of(weights), shares, strict=True)]
    own_nc = np.array(weights)[:, None] * by_class
    expected = np.einsum("nc,nchw->chw", own_nc / own_nc.sum(0), np.stack(samples).astype(np.float64))
    np.testing.assert_allclose(merged("mean", pass_order, samples), expected, atol=1e-6)


def test_a_pass_at_the_threshold_votes_against_a_class() -> None:
    """As a decision does, for which a class is there only above its threshold."""
    samples = [np.full((CLASSES, *SIZE), 0.5, dtype=np.float32)]
    assert (merged("vote", plan_of([1.0]), samples) < 0.5).all()
    assert (Decision(task="multilabel").labels(samples[0]) == 0).all()


@given(shares=SHARES, seed=st.integers(0, 99))
def test_geometric_is_the_sigmoid_of_mean_logits(shares: list[float], seed: int) -> None:
    samples = sigmoids(len(shares), seed)
    pass_order = plan_of(shares)
    logits = torch.from_numpy(np.stack(samples)).double().logit()
    weights = torch.tensor([planned.share for planned in pass_order], dtype=torch.float64)
    expected = torch.einsum("n,nchw->chw", weights, logits).sigmoid()
    np.testing.assert_allclose(merged("geometric", pass_order, samples), expected.numpy(), atol=1e-5)


@pytest.mark.parametrize("name", ["mean", "geometric", "vote"])
@given(shares=SHARES, seed=st.integers(0, 99), sharp=st.booleans())
def test_a_class_is_a_softmax_of_itself_and_what_it_is_not(
    name: MergeName, shares: list[float], seed: int, sharp: bool
) -> None:
    samples = sigmoids(len(shares), seed, sharp=sharp)
    pass_order = plan_of(shares)
    ours = merged(name, pass_order, samples)
    for label in range(CLASSES):
        pairs = [np.stack([1 - sample[label], sample[label]]) for sample in samples]
        theirs = merged(name, pass_order, pairs, "multiclass")[1]
        np.testing.assert_allclose(ours[label], theirs, atol=1e-5)


@pytest.mark.parametrize("name", ["mean", "geometric", "vote"])
def test_not_finite_stays_not_finite(name: MergeName) -> None:
    samples = sigmoids(2, 0)
    samples[1][0, 0, 0] = np.nan
    assert not np.isfinite(merged(name, plan_of([1, 1]), samples).sum())


@given(
    seed=st.integers(0, 99), thresholds=st.lists(st.floats(1e-4, 0.99), min_size=CLASSES, max_size=CLASSES)
)
def test_a_bit_is_set_above_its_threshold(seed: int, thresholds: list[float]) -> None:
    (probabilities,) = sigmoids(1, seed)
    decision = Decision(task="multilabel", rules=tuple(ClassRule(threshold=one) for one in thresholds))
    labels = decision.labels(probabilities)
    margins, confidence = (
        decision.margins(probabilities),
        confidence_of_labels(labels, probabilities, "multilabel"),
    )
    for place in np.ndindex(SIZE):
        pixel = list(zip(probabilities[:, *place], np.array(thresholds, dtype=np.float32), strict=True))
        assert int(labels[place]) == sum(2**bit for bit, (p, limit) in enumerate(pixel) if p > limit)
        assert margins[place] == min(abs(p - limit) for p, limit in pixel)
        assert confidence[place] == min(p if p > limit else 1 - p for p, limit in pixel)


@pytest.mark.parametrize(
    ("classes", "dtype"), [(1, np.uint8), (8, np.uint8), (9, np.uint16), (64, np.uint64)]
)
def test_labels_have_a_bit_for_each_class(classes: int, dtype: type[np.unsignedinteger]) -> None:
    probabilities = np.zeros((classes, 2, 2), dtype=np.float32)
    probabilities[-1] = 1
    labels = Decision(task="multilabel").labels(probabilities)
    assert labels.dtype == dtype
    assert set(labels.ravel().tolist()) == {2 ** (classes - 1)}
