"""The importance of members and views (Shapley values), and the disagreement of members."""

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from seg.evaluate.cache.mixture import Mixture
from seg.evaluate.tune.cost.mixture_scorer import MixtureScorer

MAX_EXACT_MEMBERS: Final = 8
"""Up to this many members all subsets are evaluated."""

SHAPLEY_SAMPLES: Final = 64
"""Random orders for the estimate with more members."""


@dataclass(frozen=True, slots=True)
class MemberValue:
    """Score of a member alone, the loss of the mixture without it, and its Shapley value.

    Shapley values sum to the mixture's score. A view's value is the loss of its member without it.

    Source: Shapley, "A Value for n-Person Games", 1953; an empty ensemble is worth 0.
    """

    name: str
    alone: float
    left_out: float
    shapley: float
    views: dict[str, float]


class MemberSubsets:
    """Scores of a mixture's subsets of members, computed once each."""

    def __init__(self, scorer: MixtureScorer, mixture: Mixture) -> None:
        self._scorer = scorer
        self._mixture = mixture
        self._known: dict[frozenset[int], float] = {frozenset(): 0.0}

    def score(self, members: frozenset[int]) -> float:
        if members not in self._known:
            self._known[members] = self._scorer.score(self._mixture.only(sorted(members)))
        return self._known[members]


def value_members(scorer: MixtureScorer, mixture: Mixture) -> list[MemberValue]:
    """The importance of every member of the mixture."""
    subsets = MemberSubsets(scorer, mixture)
    all_members = frozenset(mixture.members)
    shapley = _shapley_values(subsets, mixture.members)
    return [
        MemberValue(
            name=scorer.names[member],
            alone=subsets.score(frozenset({member})),
            left_out=subsets.score(all_members) - subsets.score(all_members - {member}),
            shapley=shapley[member],
            views=_importance_of_views(scorer, mixture, member),
        )
        for member in mixture.members
    ]


def disagreement_of_members(scorer: MixtureScorer) -> NDArray[np.float64]:
    """The share of pixels on which two members differ, float64 `[M, M]`."""
    members = range(len(scorer.names))
    labels = [scorer.predict(Mixture.single(member, scorer.views)) for member in members]
    return np.array([[float((labels[a] != labels[b]).mean()) for b in members] for a in members])


def _shapley_values(subsets: MemberSubsets, members: Sequence[int]) -> dict[int, float]:
    if len(members) <= MAX_EXACT_MEMBERS:
        return {member: _exact_shapley(subsets, members, member) for member in members}
    random = np.random.default_rng(0)
    value = dict.fromkeys(members, 0.0)
    for _ in range(SHAPLEY_SAMPLES):
        order = random.permutation(members).tolist()
        for place, member in enumerate(order):
            before = frozenset(order[:place])
            value[member] += (subsets.score(before | {member}) - subsets.score(before)) / SHAPLEY_SAMPLES
    return value


def _exact_shapley(subsets: MemberSubsets, members: Sequence[int], member: int) -> float:
    others = [other for other in members if other != member]
    total = 0.0
    for size in range(len(others) + 1):
        orders = math.factorial(size) * math.factorial(len(others) - size)
        for chosen in map(frozenset, itertools.combinations(others, size)):
            total += orders * (subsets.score(chosen | {member}) - subsets.score(chosen))
    return total / math.factorial(len(members))


def _importance_of_views(scorer: MixtureScorer, mixture: Mixture, member: int) -> dict[str, float]:
    single = Mixture.single(member, mixture.views)
    views = mixture.views[member]
    if len(views) == 1:
        return {}
    whole = scorer.score(single)
    without = {view: tuple(v for v in views if v != view) for view in views}
    return {
        view: whole
        - scorer.score(single.with_views([*mixture.views[:member], rest, *mixture.views[member + 1 :]]))
        for view, rest in without.items()
    }
