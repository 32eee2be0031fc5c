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
from functools import cached_property
from typing import Final, Protocol

import numpy as np
from numpy.typing import NDArray

from seg.engine.merging.decision import Decision, lacks, resized_to, second_smallest
from seg.engine.passes.passes import Plan
from seg.labels import ProbabilitiesCHW
from seg.spec.prediction import DOUBT_LEVELS, StoppingSpec

ADVERSE_SHARE: Final = 0.2
"""A pixel is in doubt if it changes when this share of the missing weight is against its leader.

What stopping saves depends on it; the guarantee does not.
"""

ROUNDING: Final = 1e-5
"""More than the float32 sum of a plan can be off."""

LEAST_MISSING: Final = 1e-9

EVERY: Final = 4
"""Doubt is told from every fourth pixel of every fourth row."""

MissingC = NDArray[np.float64]
"""For each class the shares that are not added yet, float64 `[C]`."""


class StoppingMonitor(Protocol):
    """Follows one image from look to look."""

    def is_settled(self, sum_chw: ProbabilitiesCHW, missing_c: MissingC) -> bool:
        """Whether the image needs no further pass; asked while there are some.

        Args:
            sum_chw: the weighted sum of probabilities so far, float32 `[C, H, W]`.
            missing_c: for each class the weight that is missing.
        """
        ...


NewMonitor = Callable[[], StoppingMonitor]


@dataclass(frozen=True, slots=True)
class Stopping:
    """How the images of a run are stopped.

    Attributes:
        plan: all passes, in the order in which they are taken.
        looks: after how many of them an image's judge is asked; ascending.
        new_judge: makes the judge of one image, or of one tile of it.
    """

    plan: Plan
    checkpoints: tuple[int, ...]
    new_monitor: NewMonitor


class MarginSummary(Protocol):
    """Where an image stands after some passes."""

    @property
    def uncertain_share(self) -> float:
        """The share of a sample of its pixels about which there is doubt."""
        ...

    @property
    def changeable_share_at_least(self) -> float:
        """A share of its pixels that can still change, found with little work; there may be more."""
        ...

    @property
    def changeable_share(self) -> float:
        """The share of its pixels that can still change."""
        ...


def level_of(doubt: float) -> int:
    """The lowest of the doubt levels that is not below the share in doubt."""
    return bisect_left(DOUBT_LEVELS, doubt)


@dataclass(frozen=True, slots=True)
class RecordedMargins:
    """Where an image stood."""

    changeable_share: float
    uncertain_share: float

    @property
    def changeable_share_at_least(self) -> float:
        return self.changeable_share


class Margins:
    """Where an image stands; most of its pixels are looked at only if that may settle it."""

    def __init__(self, sum_chw: ProbabilitiesCHW, missing_c: MissingC, decision: Decision) -> None:
        self._scores_chw = resized_to(sum_chw, decision.grid_hw)
        self._missing_c = missing_c
        self._factors = decision.factors
        needed_hw = self._needed(self._scores_chw[:, ::EVERY, ::EVERY])
        self.uncertain_share = float((needed_hw <= ADVERSE_SHARE).mean())
        self.changeable_share_at_least = np.count_nonzero(needed_hw <= 1) / self._scores_chw[0].size

    @cached_property
    def changeable_share(self) -> float:
        return float((self._needed(self._scores_chw) <= 1).mean())

    def recorded(self) -> RecordedMargins:
        """As it is now."""
        return RecordedMargins(self.changeable_share, self.uncertain_share)

    def _needed(self, scores_chw: ProbabilitiesCHW) -> NDArray[np.float32]:
        """The share of its missing weight that a class must get to overtake the first, at least."""
        return second_smallest(_needed_by_class(scores_chw, self._missing_c, self._factors))


def _needed_by_class(
    scores_chw: ProbabilitiesCHW, missing_c: MissingC, factors: tuple[float, ...]
) -> Iterator[NDArray[np.float32]]:
    """The share of its missing weight that each class must get to be the first, at least."""
    largest = max(factors, default=1.0)
    for label, lacks_hw in enumerate(lacks(scores_chw, factors)):
        rounding = ROUNDING * largest / (factors[label] if factors else 1.0)
        missing = max(missing_c[label], LEAST_MISSING)
        yield (lacks_hw - np.float32(rounding)) * np.float32(1 / missing)


@dataclass(slots=True)
class ExactRule:
    """Settled when no more than the tolerated share of pixels can still change, in any case."""

    tolerance: float

    def settles(self, now: MarginSummary) -> bool:
        return now.changeable_share_at_least <= self.tolerance and now.changeable_share <= self.tolerance


@dataclass(slots=True)
class CalibratedRule:
    """Settled by the inequality above; `risk` holds a loss for each of the doubt levels."""

    tolerance: float
    images: int
    risk: Sequence[float]
    _lowest: int = len(DOUBT_LEVELS)

    def settles(self, now: MarginSummary) -> bool:
        level = level_of(now.uncertain_share)
        # Only the first time at a level counts, since that is where the risk was measured.
        has_fallen = level < self._lowest
        self._lowest = min(level, self._lowest)
        room = (self.images + 1) * self.tolerance - self.images * self.risk[level] if has_fallen else 0.0
        room = max(room, 0.0)
        return now.changeable_share_at_least <= room and now.changeable_share <= room


Rule = ExactRule | CalibratedRule


def new_rule(spec: StoppingSpec) -> Rule:
    """The rule for one image: calibrated where the spec is, else certain."""
    known = spec.calibration
    if known is None:
        return ExactRule(spec.tolerance)
    return CalibratedRule(spec.tolerance, known.images, known.risk)


@dataclass(frozen=True, slots=True)
class RuleMonitor:
    """Asks a rule about where an image stands."""

    rule: Rule
    decision: Decision

    def is_settled(self, sum_chw: ProbabilitiesCHW, missing_c: MissingC) -> bool:
        return self.rule.settles(Margins(sum_chw, missing_c, self.decision))


def new_monitors(spec: StoppingSpec, decision: Decision) -> NewMonitor:
    """Judges by the spec's rule."""
    return lambda: RuleMonitor(new_rule(spec), decision)
