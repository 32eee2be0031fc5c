"""When an image needs no further pass.

While the weight that is missing exceeds what a pixel's second class lacks, the pixel can still change. How
many of those that can really do is learnt from images that ran to the end, by conformal risk control
(Angelopoulos, Bates, Fisch, Lei and Schuster, 2022).

`risk[l]` is the mean loss of n such images, had each been stopped when the doubt about it first fell
to level l; the loss is the largest share of labels that differs, then or after a later pass, from the
full ensemble's. A further image whose doubt has just fallen to level l, and of which the share u can
still change, is stopped when

    n * risk[l] + u  <=  (n + 1) * tolerance

If it is exchangeable with the n images, the expected share of its labels that differ is then at most
the tolerance. (The paper has the largest possible loss in the place of u; u bounds this image's loss.)
"""

from bisect import bisect_left
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final, Protocol

import numpy as np
from numpy.typing import NDArray

from seg.engine.decide import Decision, second_least
from seg.labels import ProbabilitiesCHW
from seg.spec.prediction import DOUBT_LEVELS, StoppingSpec

LEANING: Final = 0.2
"""A pixel is in doubt if it changes when this share of the missing weight is against its leader.

What stopping saves depends on it; the guarantee does not.
"""

ROUNDING: Final = 1e-5
"""More than the float32 sum of a plan can be off."""

LEAST_MISSING: Final = 1e-9

MissingC = NDArray[np.float64]
"""For each class the shares that are not added yet, float64 `[C]`."""


class Judge(Protocol):
    """Follows one image from pass to pass."""

    def is_settled(self, sum_chw: ProbabilitiesCHW, missing_c: MissingC) -> bool:
        """Whether the image needs no further pass.

        Args:
            sum_chw: the weighted sum of probabilities so far, float32 `[C, H, W]`.
            missing_c: for each class the weight that is missing.
        """
        ...


NewJudge = Callable[[], Judge]


@dataclass(frozen=True, slots=True)
class Standing:
    """The shares of an image's pixels that can still change, and about which there is doubt."""

    can_change: float
    in_doubt: float

    @property
    def level(self) -> int:
        """The lowest of the doubt levels that is not below the share in doubt."""
        return bisect_left(DOUBT_LEVELS, self.in_doubt)


def standing(sum_chw: ProbabilitiesCHW, missing_c: MissingC, decision: Decision) -> Standing:
    """Where an image stands after some passes."""
    needed_hw = second_least(_needed(sum_chw, missing_c, decision))
    can_change = np.count_nonzero(needed_hw <= 1)
    in_doubt = np.count_nonzero(needed_hw <= LEANING)
    return Standing(can_change / needed_hw.size, in_doubt / needed_hw.size)


def _needed(
    sum_chw: ProbabilitiesCHW, missing_c: MissingC, decision: Decision
) -> Iterator[NDArray[np.float32]]:
    """The share of its missing weight that each class must get to be the first, at least."""
    largest = max(decision.factors, default=1.0)
    for label, lacks_hw in enumerate(decision.lacks(sum_chw)):
        rounding = ROUNDING * largest / (decision.factors[label] if decision.factors else 1.0)
        missing = max(missing_c[label], LEAST_MISSING)
        yield (lacks_hw - np.float32(rounding)) * np.float32(1 / missing)


@dataclass(slots=True)
class CertainRule:
    """Settled when no more than the tolerated share of pixels can still change, in any case."""

    tolerance: float

    def settles(self, now: Standing) -> bool:
        return now.can_change <= self.tolerance


@dataclass(slots=True)
class CalibratedRule:
    """Settled by the inequality above; `risk` holds a loss for each of the doubt levels."""

    tolerance: float
    images: int
    risk: Sequence[float]
    _lowest: int = len(DOUBT_LEVELS)

    def settles(self, now: Standing) -> bool:
        level = now.level
        # Only the first time at a level counts, since that is where the risk was measured.
        has_fallen = level < self._lowest
        self._lowest = min(level, self._lowest)
        budget = (self.images + 1) * self.tolerance
        return now.can_change == 0 or (
            has_fallen and self.images * self.risk[level] + now.can_change <= budget
        )


Rule = CertainRule | CalibratedRule


def new_rule(spec: StoppingSpec) -> Rule:
    """The rule for one image: calibrated where the spec is, else certain."""
    known = spec.calibration
    if known is None:
        return CertainRule(spec.tolerance)
    return CalibratedRule(spec.tolerance, known.images, known.risk)


@dataclass(frozen=True, slots=True)
class RuleJudge:
    """Asks a rule where an image stands after each pass."""

    rule: Rule
    decision: Decision

    def is_settled(self, sum_chw: ProbabilitiesCHW, missing_c: MissingC) -> bool:
        return self.rule.settles(standing(sum_chw, missing_c, self.decision))


def judges(spec: StoppingSpec, decision: Decision) -> NewJudge:
    """Judges by the spec's rule."""
    return lambda: RuleJudge(new_rule(spec), decision)
