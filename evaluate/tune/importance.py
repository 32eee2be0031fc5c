"""What each member and view is worth, how often members disagree, and what fewer of them would give."""

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

MOST_EXACT: Final = 8
"""Members up to which all subsets are looked at."""

ORDERS: Final = 64
"""Random orders in which more members are added, for an estimate."""


@dataclass(frozen=True, slots=True)
class MemberValue:
    """mIoU of a member alone, what the mixture loses without it, and its Shapley value.

    Shapley values sum to the mixture's mIoU. A view's value is what its member loses without it.

    Source: Shapley, "A Value for n-Person Games", 1953; an empty ensemble is worth 0.
    """

    name: str
    alone: float
    left_out: float
    shapley: float
    views: dict[str, float]


@dataclass(frozen=True, slots=True)
class SubEnsemble:
    """Some members of a mixture, what they score, and what an image costs."""

    mixture: Mixture
    miou: float
    milliseconds: float


class Subsets:
    """mIoU of a mixture's subsets of members, each computed once."""

    def __init__(self, scorer: Scorer, mixture: Mixture) -> None:
        self._scorer = scorer
        self._mixture = mixture
        self._known: dict[frozenset[int], float] = {frozenset(): 0.0}

    def miou(self, members: frozenset[int]) -> float:
        if members not in self._known:
            self._known[members] = self._scorer.miou(self._mixture.only(sorted(members)))
        return self._known[members]


def value_members(scorer: Scorer, mixture: Mixture) -> list[MemberValue]:
    """The value of every member that the mixture runs."""
    subsets = Subsets(scorer, mixture)
    everyone = frozenset(mixture.members)
    shapley = _shapley(subsets, mixture.members)
    return [
        MemberValue(
            name=scorer.names[member],
            alone=subsets.miou(frozenset({member})),
            left_out=subsets.miou(everyone) - subsets.miou(everyone - {member}),
            shapley=shapley[member],
            views=_value_views(scorer, mixture, member),
        )
        for member in mixture.members
    ]


def disagreement(scorer: Scorer) -> NDArray[np.float64]:
    """The share of pixels on which two members differ, float64 `[M, M]`."""
    members = range(len(scorer.names))
    labels = [scorer.predict(Mixture.single(member, scorer.views)) for member in members]
    return np.array([[float((labels[a] != labels[b]).mean()) for b in members] for a in members])


def price_sub_ensembles(scorer: Scorer, mixture: Mixture, per_pass_ms: Sequence[float]) -> list[SubEnsemble]:
    """Sub-ensembles of the mixture, with its views or upright alone.

    All subsets of up to 8 members; of more, those that come from adding the best next one.
    """
    upright = mixture.seen_as([UPRIGHT] * len(mixture.views))
    return [
        SubEnsemble(candidate, scorer.miou(candidate), candidate.milliseconds(per_pass_ms))
        for seen in dict.fromkeys((mixture, upright))
        for candidate in _sub_ensembles(scorer, seen)
    ]


def pareto_front(candidates: Sequence[SubEnsemble]) -> list[SubEnsemble]:
    """Those that nothing cheaper equals, from the cheapest to the best."""
    front: list[SubEnsemble] = []
    for candidate in sorted(candidates, key=lambda candidate: (candidate.milliseconds, -candidate.miou)):
        if not front or candidate.miou > front[-1].miou:
            front.append(candidate)
    return front


def _sub_ensembles(scorer: Scorer, mixture: Mixture) -> list[Mixture]:
    members = mixture.members
    if len(members) <= MOST_EXACT:
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
    if len(members) <= MOST_EXACT:
        return {member: _exact_shapley(subsets, members, member) for member in members}
    random = np.random.default_rng(0)
    value = dict.fromkeys(members, 0.0)
    for _ in range(ORDERS):
        order = random.permutation(members).tolist()
        for place, member in enumerate(order):
            before = frozenset(order[:place])
            value[member] += (subsets.miou(before | {member}) - subsets.miou(before)) / ORDERS
    return value


def _exact_shapley(subsets: Subsets, members: Sequence[int], member: int) -> float:
    others = [other for other in members if other != member]
    total = 0.0
    for size in range(len(others) + 1):
        orders = math.factorial(size) * math.factorial(len(others) - size)
        for chosen in map(frozenset, itertools.combinations(others, size)):
            total += orders * (subsets.miou(chosen | {member}) - subsets.miou(chosen))
    return total / math.factorial(len(members))


def _value_views(scorer: Scorer, mixture: Mixture, member: int) -> dict[str, float]:
    single = Mixture.single(member, mixture.views)
    views = mixture.views[member]
    if len(views) == 1:
        return {}
    whole = scorer.miou(single)
    without = {view: tuple(v for v in views if v != view) for view in views}
    return {
        view: whole
        - scorer.miou(single.seen_as([*mixture.views[:member], rest, *mixture.views[member + 1 :]]))
        for view, rest in without.items()
    }
