"""Merges against plain arithmetic in float64, and torch."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from seg.engine.merging.decision import decide_labels
from seg.engine.merging.merges import LEAST_PROPORTION, new_merge
from seg.engine.passes.merge_shares import merge_shares_by_class
from seg.engine.passes.passes import PlannedPass
from seg.engine.passes.views import VIEWS
from seg.labels.label_map import ProbabilitiesCHW
from seg.spec.ensemble.prediction import MergeName
from seg.views import VIEW_NAMES

SIZE = (5, 7)
CLASSES = 4
Answers = list[ProbabilitiesCHW]


def plan_of(shares: list[float], members: list[int]) -> list[PlannedPass]:
    views = [VIEWS[VIEW_NAMES[position % 8]] for position in range(len(shares))]
    total = sum(shares)
    return [PlannedPass(m, v, s / total) for m, v, s in zip(members, views, shares, strict=True)]


def answers(count: int, seed: int, *, sharp: bool = False) -> Answers:
    """What each pass says in the image's own frame."""
    logits = np.random.default_rng(seed).normal(0, 30 if sharp else 1, (count, CLASSES, *SIZE))
    return list(torch.from_numpy(logits).softmax(1).numpy().astype(np.float32))


def merged(name: MergeName, pass_order: list[PlannedPass], samples: Answers) -> ProbabilitiesCHW:
    merge = new_merge(name, pass_order, CLASSES, SIZE)
    for position, (planned, answer) in enumerate(zip(pass_order, samples, strict=True)):
        seen = np.stack([planned.view.apply(plane[..., None])[..., 0] for plane in answer])
        merge.add(position, np.ascontiguousarray(seen))
    return merge.merged()


@given(
    shares=st.lists(st.floats(0.1, 9), min_size=1, max_size=10), seed=st.integers(0, 99), sharp=st.booleans()
)
def test_mean_is_the_weighted_mean(shares: list[float], seed: int, sharp: bool) -> None:
    samples = answers(len(shares), seed, sharp=sharp)
    pass_order = plan_of(shares, [0] * len(shares))
    expected = np.average(np.stack(samples).astype(np.float64), axis=0, weights=shares)
    np.testing.assert_allclose(merged("mean", pass_order, samples), expected, atol=1e-6)


@given(weights=st.lists(st.floats(0.1, 9), min_size=2, max_size=5), seed=st.integers(0, 99))
def test_weights_for_each_class_are_brought_to_a_sum_of_one(weights: list[float], seed: int) -> None:
    samples = answers(len(weights), seed)
    by_class = np.random.default_rng(seed).uniform(0.1, 5, (len(weights), CLASSES))
    shares = merge_shares_by_class(weights, by_class.tolist())
    np.testing.assert_allclose(np.sum(shares, axis=0), 1)
    pass_order = [
        replace(p, class_shares=own)
        for p, own in zip(plan_of(weights, list(range(len(weights)))), shares, strict=True)
    ]
    scores = np.einsum(
        "n,nc,nchw->chw", weights, by_class / (np.array(weights) @ by_class), np.stack(samples)
    )
    np.testing.assert_allclose(merged("mean", pass_order, samples), scores / scores.sum(0), atol=1e-5)


@given(shares=st.lists(st.floats(0.1, 9), min_size=1, max_size=10), seed=st.integers(0, 99))
def test_geometric_is_the_softmax_of_mean_logits(shares: list[float], seed: int) -> None:
    samples = answers(len(shares), seed)
    pass_order = plan_of(shares, [0] * len(shares))
    logs = torch.from_numpy(np.stack(samples)).double().log()
    weights = torch.tensor([planned.share for planned in pass_order], dtype=torch.float64)
    expected = torch.einsum("n,nchw->chw", weights, logs).softmax(0)
    np.testing.assert_allclose(merged("geometric", pass_order, samples), expected.numpy(), atol=1e-5)


def test_geometric_stays_finite_where_all_are_sure() -> None:
    samples = answers(3, 0, sharp=True)
    result = merged("geometric", plan_of([1, 1, 1], [0, 1, 2]), samples)
    assert np.isfinite(result).all()
    np.testing.assert_allclose(result.sum(0), 1, atol=1e-5)


def vote_by_hand(pass_order: list[PlannedPass], votes: list[int]) -> int:
    """Whole weights, so that a tie is a tie; the best voter among those who tie."""
    count = [0.0] * CLASSES
    for planned, vote in zip(pass_order, votes, strict=True):
        count[vote] += planned.share
    tied = [c for c in range(CLASSES) if count[c] >= max(count) - 1e-9]
    weight = {m: sum(p.share for p in pass_order if p.member == m) for m in {p.member for p in pass_order}}
    voters = [n for n, vote in enumerate(votes) if vote in tied]
    return votes[min(voters, key=lambda n: (-round(weight[pass_order[n].member], 9), n))]


@given(
    shares=st.lists(st.integers(1, 4), min_size=1, max_size=8),
    members=st.lists(st.integers(0, 3), min_size=8, max_size=8),
    seed=st.integers(0, 99),
)
def test_vote_is_the_majority_and_ties_go_to_the_best(
    shares: list[int], members: list[int], seed: int
) -> None:
    samples = answers(len(shares), seed)
    pass_order = plan_of([float(share) for share in shares], members[: len(shares)])
    labels_hw = decide_labels(merged("vote", pass_order, samples))
    choices = [answer.argmax(0) for answer in samples]
    for y, x in np.ndindex(SIZE):
        assert labels_hw[y, x] == vote_by_hand(pass_order, [int(choice[y, x]) for choice in choices])


@pytest.mark.parametrize("name", ["mean", "geometric", "vote"])
def test_the_answer_of_one_pass_is_its_own(name: MergeName) -> None:
    samples = answers(1, 3)
    result = merged(name, plan_of([1], [0]), samples)
    np.testing.assert_array_equal(decide_labels(result), samples[0].argmax(0))
    np.testing.assert_allclose(result.sum(0), 1, atol=1e-6)


def specialists_by_brute_force(
    samples: Answers, weights: list[float], covers: list[tuple[int, ...]]
) -> ProbabilitiesCHW:
    """Pixel by pixel, in Python's numbers: what knows a class says its probability; others share the rest."""
    found = np.zeros((CLASSES, *SIZE))
    special = {label for own in covers for label in own}
    for y, x in np.ndindex(*SIZE):
        for label in range(CLASSES):
            voters = [n for n, own in enumerate(covers) if not own or label in own]
            total = sum(weights[n] for n in voters)
            found[label, y, x] = sum(weights[n] / total * float(samples[n][label, y, x]) for n in voters)
        left = max(0.0, 1 - sum(found[label, y, x] for label in special))
        ordinary = set(range(CLASSES)) - special
        others = sum(found[label, y, x] + LEAST_PROPORTION for label in ordinary)
        for label in ordinary if special else ():
            found[label, y, x] = (found[label, y, x] + LEAST_PROPORTION) * left / others
        found[:, y, x] /= found[:, y, x].sum()
    return found.astype(np.float32)


@given(
    weights=st.lists(st.floats(0.1, 9), min_size=2, max_size=4),
    covers=st.lists(
        st.sampled_from([(), (1,), (3,), (1, 2), (0, 2, 3), (0, 1, 2, 3)]), min_size=3, max_size=3
    ),
    seed=st.integers(0, 99),
)
def test_members_that_know_some_classes_vote_on_these(
    weights: list[float], covers: list[tuple[int, ...]], seed: int
) -> None:
    known = [(), *covers][: len(weights)]
    samples = answers(len(weights), seed)
    factors = [[float(label in own) for label in range(CLASSES)] if own else [] for own in known]
    shares = merge_shares_by_class(weights, factors)
    pass_order = [
        replace(p, class_shares=own)
        for p, own in zip(plan_of(weights, list(range(len(weights)))), shares, strict=True)
    ]
    covered = [() if set(own) == set(range(CLASSES)) else own for own in known]
    expected = specialists_by_brute_force(samples, weights, covered)
    found = merged("mean", pass_order, samples)
    np.testing.assert_allclose(found, expected, atol=2e-5)
    np.testing.assert_allclose(found.sum(0), 1, atol=1e-5)


def test_a_sure_specialist_and_its_generalist_meet_in_the_middle() -> None:
    said = np.array([[0.2, 0.6, 0.1, 0.1], [1.0, 0.0, 0.0, 0.0]], dtype=np.float32)
    shares = merge_shares_by_class([1, 1], [[], [1, 0, 0, 0]])
    pass_order = [
        replace(p, class_shares=own) for p, own in zip(plan_of([1, 1], [0, 1]), shares, strict=True)
    ]
    found = merged("mean", pass_order, [np.tile(one[:, None, None], (1, *SIZE)) for one in said])
    np.testing.assert_allclose(found[:, 0, 0], [0.6, 0.3, 0.05, 0.05], atol=1e-4)
