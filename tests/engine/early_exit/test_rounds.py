"""Rounds against counting, and their order against members whose views are known to be good or bad."""

from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seg.engine import Ensemble
from seg.engine.early_exit.pass_samples import MAX_PIXELS, merge_shares_of_passes, sample_passes
from seg.engine.early_exit.rounds import order_in_rounds, round_ends
from seg.engine.member import default_pass_order
from seg.engine.passes.passes import PlannedPass
from seg.engine.passes.views import VIEWS
from tests.engine.tiny_models import MakeModel

views_of = st.lists(st.integers(1, 6), min_size=1, max_size=4)


def plan_of(views: list[int]) -> list[PlannedPass]:
    """Member by member, each with the same share."""
    return [
        PlannedPass(member, VIEWS["identity"], 1 / len(views) / count)
        for member, count in enumerate(views)
        for _ in range(count)
    ]


@given(views=views_of, seed=st.integers(0, 1000))
@settings(max_examples=40, deadline=None)
def test_after_a_round_all_members_were_asked_alike(views: list[int], seed: int) -> None:
    pass_order = plan_of(views)
    samples = np.random.default_rng(seed).random((len(pass_order), 3, 20), dtype=np.float32)
    order = order_in_rounds(
        [samples], merge_shares_of_passes(pass_order, 3), [planned.member for planned in pass_order]
    )
    assert sorted(order) == list(range(len(pass_order)))
    in_rounds = [pass_order[position] for position in order]
    ends = round_ends(in_rounds)
    assert len(ends) == max(views) - 1
    for end in ends:
        asked = Counter(planned.member for planned in in_rounds[:end])
        parts = [asked[member] / count for member, count in enumerate(views)]
        # As nearly alike as whole views can be: a member is ahead of the longest by less than one view.
        assert all(max(views) * (parts[m] - min(parts)) < max(views) / n + 1e-9 for m, n in enumerate(views))


def test_other_orders_have_no_rounds() -> None:
    """Member by member, nobody is asked alike before the end."""
    assert round_ends(plan_of([2, 2])) == ()
    assert round_ends([plan_of([2, 2])[position] for position in (0, 2, 1, 3)]) == (2,)


def test_a_lone_view_is_asked_in_the_first_round() -> None:
    pass_order = plan_of([1, 3])
    assert round_ends([pass_order[position] for position in (1, 0, 2, 3)]) == (2, 3)


def test_the_view_that_is_like_all_of_them_goes_first() -> None:
    """Of each member one view is its mean; the others lie to either side and cancel out."""
    random = np.random.default_rng(0)
    mean = random.random((4, 500), dtype=np.float32)
    off = random.normal(0, 0.3, (4, 500)).astype(np.float32)
    samples = np.stack([mean + off, mean, mean - off, mean - 2 * off, mean + 2 * off, mean])
    order = order_in_rounds([samples], merge_shares_of_passes(plan_of([3, 3]), 4), [0, 0, 0, 1, 1, 1])
    assert order[:2] == [1, 5]


@given(weights=st.lists(st.floats(0.1, 1), min_size=2, max_size=3), seed=st.integers(0, 1000))
@settings(max_examples=25, deadline=None)
def test_each_view_is_the_best_that_its_member_has_left(weights: list[float], seed: int) -> None:
    """By brute force, with every member so far in the mean of its views so far, and with its whole weight."""
    members = [member for member in range(len(weights)) for _ in range(3)]
    samples = np.random.default_rng(seed).random((len(members), 3, 101), dtype=np.float32)
    shares_pc = np.repeat([[weights[member] / sum(weights) / 3] for member in members], 3, axis=1)
    order = order_in_rounds([samples], shares_pc, members)
    final = np.einsum("p,pcn->cn", shares_pc[:, 0], samples).argmax(0)

    def changed(taken: list[int]) -> float:
        of = {m: [position for position in taken if members[position] == m] for m in range(len(weights))}
        means = [
            weights[member] * samples[positions].mean(0) for member, positions in of.items() if positions
        ]
        return float((np.sum(means, axis=0).argmax(0) != final).mean())

    for step, best in enumerate(order):
        others = [p for p, member in enumerate(members) if member == members[best] and p not in order[:step]]
        # A label or two may tie within what float32 rounds.
        assert changed(order[: step + 1]) <= min(changed([*order[:step], p]) for p in others) + 2 / 101


@pytest.mark.parametrize(
    ("size_hw", "count"), [((100, 200), 20_000), ((100, 201), 10_050), ((200, 220), 14_667)]
)
def test_pixels_are_sampled_evenly_up_to_a_limit(
    size_hw: tuple[int, int], count: int, make_model: MakeModel
) -> None:
    ensemble = Ensemble.from_models([make_model(1)])
    image_hwc = np.random.default_rng(0).integers(0, 256, (*size_hw, 3), dtype=np.uint8)
    (samples,) = sample_passes(ensemble.members, default_pass_order(ensemble.members), [("", image_hwc)])
    assert count <= MAX_PIXELS
    every = -(-size_hw[0] * size_hw[1] // count)
    whole_chw = ensemble.predict(image_hwc).probabilities
    np.testing.assert_allclose(samples[0], whole_chw.reshape(len(whole_chw), -1)[:, ::every], atol=1e-6)
    assert samples.shape[-1] == count
