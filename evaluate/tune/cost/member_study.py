"""What the members of a mixture are worth and cost: their importance, disagreement and sub-ensembles."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from seg.evaluate.cache.mixture import Mixture
from seg.evaluate.tune.cost.importance import MemberValue, disagreement_of_members, value_members
from seg.evaluate.tune.cost.mixture_scorer import MixtureScorer
from seg.evaluate.tune.cost.sub_ensembles import SubEnsemble, pareto_sub_ensembles, price_sub_ensembles


@dataclass(frozen=True, slots=True)
class MemberStudy:
    """What is measured of members on sampled pixels of each image, by the metric.

    Attributes:
        values: the importance of each member of the mixture.
        disagreement: the share of pixels on which two members differ, float64 `[M, M]`.
        sub_ensembles: of the mixture.
    """

    values: tuple[MemberValue, ...]
    disagreement: NDArray[np.float64]
    sub_ensembles: tuple[SubEnsemble, ...]

    @property
    def front(self) -> tuple[SubEnsemble, ...]:
        """The Pareto front of the sub-ensembles."""
        return tuple(pareto_sub_ensembles(self.sub_ensembles))


def study_members(scorer: MixtureScorer, mixture: Mixture, per_pass_ms: Sequence[float]) -> MemberStudy:
    """Measure the members of a mixture; `per_pass_ms` has the milliseconds of a pass of each."""
    return MemberStudy(
        values=tuple(value_members(scorer, mixture)),
        disagreement=disagreement_of_members(scorer),
        sub_ensembles=tuple(price_sub_ensembles(scorer, mixture, per_pass_ms)),
    )
