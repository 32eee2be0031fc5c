"""Sub-ensembles of a mixture with their costs, and their Pareto front."""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

from seg.evaluate.cache.mixture import Mixture
from seg.evaluate.tune.cost.importance import MAX_EXACT_MEMBERS
from seg.evaluate.tune.cost.mixture_scorer import MixtureScorer
from seg.evaluate.tune.fits.useful_views import UPRIGHT


@dataclass(frozen=True, slots=True)
class SubEnsemble:
    """Some members of a mixture, their score, and the milliseconds of an image."""

    mixture: Mixture
    score: float
    milliseconds: float


def price_sub_ensembles(
    scorer: MixtureScorer, mixture: Mixture, per_pass_ms: Sequence[float]
) -> list[SubEnsemble]:
    """Sub-ensembles of the mixture with their costs, with and without views.

    All subsets of up to 8 members; with more members, those of greedy forward selection.
    """
    upright = mixture.with_views(
        [
            UPRIGHT if set(UPRIGHT) <= set(scored) else own
            for own, scored in zip(mixture.views, scorer.views, strict=True)
        ]
    )
    return [
        SubEnsemble(candidate, scorer.score(candidate), candidate.milliseconds(per_pass_ms))
        for viewed in dict.fromkeys((mixture, upright))
        for candidate in _list_sub_ensembles(scorer, viewed)
        if scorer.knows_all_classes(candidate)
    ]


def pareto_sub_ensembles(candidates: Sequence[SubEnsemble]) -> list[SubEnsemble]:
    """The Pareto front, from the cheapest to the best."""
    front: list[SubEnsemble] = []
    for candidate in sorted(candidates, key=lambda candidate: (candidate.milliseconds, -candidate.score)):
        if not front or candidate.score > front[-1].score:
            front.append(candidate)
    return front


def describe_sub_ensemble(names: Sequence[str], sub_ensemble: SubEnsemble) -> str:
    """Its members, of all names, and the number of their passes."""
    mixture = sub_ensemble.mixture
    members = " + ".join(names[member] for member in mixture.members)
    return f"{members}, {mixture.passes} {'pass' if mixture.passes == 1 else 'passes'}"


def _list_sub_ensembles(scorer: MixtureScorer, mixture: Mixture) -> list[Mixture]:
    members = mixture.members
    if len(members) <= MAX_EXACT_MEMBERS:
        sizes = range(1, len(members) + 1)
        return [mixture.only(s) for size in sizes for s in itertools.combinations(members, size)]
    chosen: list[int] = []
    chain: list[Mixture] = []
    while len(chosen) < len(members):
        grown = [mixture.only([*chosen, member]) for member in members if member not in chosen]
        chain.append(max(grown, key=scorer.score))
        chosen = list(chain[-1].members)
    return chain
