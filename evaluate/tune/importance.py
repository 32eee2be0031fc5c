"""The importance of members and views (Shapley values), disagreement, and the costs of sub-ensembles."""

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from seg.evaluate.cache.mixture import Mixture
from seg.evaluate.tune.fit import UPRIGHT
from seg.evaluate.tune.scorer import Scorer

MAX_EXACT_MEMBERS: Final = 8
"""Up to this many members all subsets are evaluated."""

SHAPLEY_SAMPLES: Final = 64
"""Random orders for the estimate with more members."""


@dataclass(frozen=True, slots=True)
class MemberValue:
    """mIoU of a member alone, the loss of the mixture without it, and its Shapley value.

    Shapley values sum to the mixture's mIoU. A view's value is the loss of its member without it.

    Source: Shapley, "A Value for n-Person Games", 1953; an empty ensemble is worth 0.
    """

    name: str
    alone: float
    left_out: float
    shapley: float
    views: dict[str, float]


@dataclass(frozen=True, slots=True)
class SubEnsemble:
    """Some members of a mixture, their mIoU, and the milliseconds of an image."""

    mixture: Mixture
    miou: float
    milliseconds: float


class Subsets:
    """mIoU of a mixture's subsets of members, computed once each."""

    def __init__(self, scorer: Scorer, mixture: Mixture) -> None:
        self._scorer = scorer
        self._mixture = mixture
        self._known: dict[frozenset[int], float] = {frozenset(): 0.0}

    def miou(self, members: frozenset[int]) -> float:
        if members not in self._known:
            self._known[members] = self._scorer.miou(self._mixture.only(sorted(members)))
        return self._known[members]


def value_members(scorer: Scorer, mixture: Mixture) -> list[MemberValue]:
    """The importance of every member of the mixture."""
    subsets = Subsets(scorer, mixture)
    all_members = frozenset(mixture.members)
    shapley = _shapley(subsets, mixture.members)
    return [
        MemberValue(
            name=scorer.names[member],
            alone=subsets.miou(frozenset({member})),
            left_out=subsets.miou(all_members) - subsets.miou(all_members - {member}),
            shapley=shapley[member],
            views=_view_values(scorer, mixture, member),
        )
        for member in mixture.members
    ]


def disagreement(scorer: Scorer) -> NDArray[np.float64]:
    """The share of pixels on which two members differ, float64 `[M, M]`."""
    members = range(len(scorer.names))
    labels = [scorer.predict(Mixture.single(member, scorer.views)) for member in members]
    return np.array([[float((labels[a] != labels[b]).mean()) for b in members] for a in members])


def price_sub_ensembles(scorer: Scorer, mixture: Mixture, per_pass_ms: Sequence[float]) -> list[SubEnsemble]:
    """Sub-ensembles of the mixture with their costs, with and without views.

    All subsets of up to 8 members; with more members, those of greedy forward selection.
    """
    upright = mixture.with_views([UPRIGHT] * len(mixture.views))
    return [
        SubEnsemble(candidate, scorer.miou(candidate), candidate.milliseconds(per_pass_ms))
        for viewed in dict.fromkeys((mixture, upright))
        for candidate in _sub_ensembles(scorer, viewed)
    ]


def pareto_front(candidates: Sequence[SubEnsemble]) -> list[SubEnsemble]:
    """The Pareto front, from the cheapest to the best."""
    front: list[SubEnsemble] = []
    for candidate in sorted(candidates, key=lambda candidate: (candidate.milliseconds, -candidate.miou)):
        if not front or candidate.miou > front[-1].miou:
            front.append(candidate)
    return front


def _sub_ensembles(scorer: Scorer, mixture: Mixture) -> list[Mixture]:
    members = mixture.members
    if len(members) <= MAX_EXACT_MEMBERS:
        sizes = range(1, len(members) + 1)
        return [mixture.only(s) for size in sizes for s in itertools.combinations(members, size)]
    chosen: list[int] = []
    chain: list[Mixture] = []
    while len(chosen) < len(members):
        grown = [mixture.only([*chosen, member]) for member in members if member not in chosen]
        chain.append(max(grown, key=scorer.miou))
        chosen = list(chain[-1].members)
    return chain


def _shapley(subsets: Subsets, members: Sequence[int]) -> dict[int, float]:
    if len(members) <= MAX_EXACT_MEMBERS:
        return {member: _exact_shapley(subsets, members, member) for member in members}
    random = np.random.default_rng(0)
    value = dict.fromkeys(members, 0.0)
    for _ in range(SHAPLEY_SAMPLES):
        order = random.permutation(members).tolist()
        for place, member in enumerate(order):
            before = frozenset(order[:place])
            value[member] += (subsets.miou(before | {member}) - subsets.miou(before)) / SHAPLEY_SAMPLES
    return value


def _exact_shapley(subsets: Subsets, members: Sequence[int], member: int) -> float:
    others = [other for other in members if other != member]
    total = 0.0
    for size in range(len(others) + 1):
        orders = math.factorial(size) * math.factorial(len(others) - size)
        for chosen in map(frozenset, itertools.combinations(others, size)):
            total += orders * (subsets.miou(chosen | {member}) - subsets.miou(chosen))
    return total / math.factorial(len(members))


def _view_values(scorer: Scorer, mixture: Mixture, member: int) -> dict[str, float]:
    single = Mixture.single(member, mixture.views)
    views = mixture.views[member]
    if len(views) == 1:
        return {}
    whole = scorer.miou(single)
    without = {view: tuple(v for v in views if v != view) for view in views}
    return {
        view: whole
        - scorer.miou(single.with_views([*mixture.views[:member], rest, *mixture.views[member + 1 :]]))
        for view, rest in without.items()
    }
