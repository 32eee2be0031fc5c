"""A corrected mean against plain arithmetic in float64, and torch."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from seg.engine.merging.merges import new_merge
from seg.engine.passes.passes import PlannedPass
from seg.engine.passes.views import VIEWS
from seg.labels.label_map import ProbabilitiesCHW
from seg.spec.ensemble.stacking import LEAST_PROBABILITY, Stacking
from seg.views import VIEW_NAMES

CLASSES, SIZE = 4, (5, 7)


def probabilities(count: int, seed: int) -> list[ProbabilitiesCHW]:
    logits = np.random.default_rng(seed).normal(0, 4, (count, CLASSES, *SIZE))
    return list(torch.from_numpy(logits).softmax(1).numpy().astype(np.float32))


def stacking_of(members: int, seed: int) -> Stacking:
    random = np.random.default_rng(seed)
    matrices = random.normal(0, 0.3, (members, CLASSES, CLASSES)).tolist()
    return Stacking(
        tuple(random.normal(size=CLASSES).tolist()), tuple(tuple(map(tuple, m)) for m in matrices)
    )


def merged(
    pass_order: list[PlannedPass], samples: list[ProbabilitiesCHW], stacking: Stacking | None
) -> NDArray[np.float32]:
    merge = new_merge("mean", pass_order, CLASSES, SIZE, stacking=stacking)
    for position, (planned, sample) in enumerate(zip(pass_order, samples, strict=True)):
        seen = np.stack([planned.view.apply(plane[..., None])[..., 0] for plane in sample])
        merge.add(position, np.ascontiguousarray(seen))
    return merge.merged()


@given(
    weights=st.lists(st.floats(0.1, 9), min_size=1, max_size=4),
    views=st.integers(1, 8),
    seed=st.integers(0, 99),
)
def test_it_is_a_softmax_of_logarithms_and_what_members_add(
    weights: list[float], views: int, seed: int
) -> None:
    members, total = len(weights), sum(weights)
    pass_order = [
        PlannedPass(member, VIEWS[VIEW_NAMES[view]], weight / total / views)
        for member, weight in enumerate(weights)
        for view in range(views)
    ]
    samples = probabilities(members * views, seed)
    stacking = stacking_of(members, seed)
    of_views = torch.from_numpy(np.stack(samples)).double().reshape(members, views, CLASSES, *SIZE)
    of_members = of_views.mean(1)
    mean = (of_members * torch.tensor(weights).double()[:, None, None, None] / total).sum(0)
    logits = mean.clamp(min=1e-7).log() + torch.tensor(stacking.constants).double()[:, None, None]
    for matrix, member in zip(stacking.matrices, of_members, strict=True):
        logarithms = member.clamp(min=LEAST_PROBABILITY).log()
        logits += torch.tensordot(torch.tensor(matrix).double(), logarithms, dims=1)
    np.testing.assert_allclose(
        merged(pass_order, samples, stacking), logits.softmax(0).numpy(), rtol=1e-4, atol=1e-6
    )


def test_nothing_added_is_the_mean() -> None:
    pass_order = [PlannedPass(member, VIEWS["identity"], 0.5) for member in range(2)]
    samples = probabilities(2, 1)
    nothing = Stacking((0.0,) * CLASSES, (((0.0,) * CLASSES,) * CLASSES,) * 2)
    np.testing.assert_allclose(
        merged(pass_order, samples, nothing), merged(pass_order, samples, None), atol=1e-6
    )


def test_what_is_not_finite_stays_so() -> None:
    pass_order = [PlannedPass(0, VIEWS["identity"], 1.0)]
    (sample,) = probabilities(1, 1)
    sample[0, 0, 0] = np.nan
    assert np.isnan(merged(pass_order, [sample], stacking_of(1, 0))[:, 0, 0]).all()


@pytest.mark.parametrize("members", [[0], [0, 1, 0], [0, 1, 2]])
def test_passes_of_other_members_or_in_turns_are_refused(members: list[int]) -> None:
    pass_order = [PlannedPass(member, VIEWS["identity"], 1 / len(members)) for member in members]
    with pytest.raises(ValueError, match="passes of its members"):
        new_merge("mean", pass_order, CLASSES, SIZE, stacking=stacking_of(2, 0))
