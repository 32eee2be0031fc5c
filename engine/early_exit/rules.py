"""Stopping rules: whether an image needs no further pass.

A pixel can still change while the missing weight exceeds the margin of its leading class. How many of the
pixels that can change do change is calibrated on images that ran all passes, by conformal risk control
(Angelopoulos, Bates, Fisch, Lei and Schuster, 2022).

`risk[l]` is the mean loss of n such images, had each been stopped when the doubt about it first fell
to level l; the loss is the largest share of labels that differs, then or after a later pass, from the
full ensemble's. A further image whose doubt has just fallen to level l, and of which the share u can
still change, is stopped when

    n * risk[l] + u  <=  (n + 1) * tolerance

If it is exchangeable with the n images, the expected share of its labels that differ is then at most
the tolerance. (The paper has the largest possible loss in the place of u; u bounds this image's loss.)

Of an image in tiles, each tile is stopped when the doubt about it has fallen to level l. The loss is that
of the blended image, with all its tiles stopped so. No tile alone bounds it, so u is 1, as in the paper, and
n must be at least 1 / tolerance - 1.
"""

import math
from bisect import bisect_left
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Final, Protocol, Self

import numpy as np
from numpy.typing import NDArray

from seg.engine.merging.decision import (
    Decision,
    resize_probabilities,
    score_deficits,
    second_smallest_deficit,
)
from seg.engine.passes.passes import PassOrder
from seg.labels.label_map import ProbabilitiesCHW
from seg.spec.ensemble.prediction import DOUBT_LEVELS, StoppingSpec

ADVERSE_SHARE: Final = 0.2
"""A pixel is uncertain if it changes when this share of the missing weight goes to another class.

The passes saved depend on it; the guarantee does not.
"""

ROUNDING: Final = 1e-5
"""An upper bound of the rounding error of a float32 sum over all passes."""

MIN_MISSING: Final = 1e-9

SPREAD: Final = 0.1
"""A pixel of a tile is uncertain if its margin is at most this, times the root of missing over added weight.

So the error of a mean of some passes shrinks. The guarantee does not depend on it, either.
"""

SAMPLE_STEP: Final = 4
"""The uncertain share is computed from every fourth pixel of every fourth row."""

MissingC = NDArray[np.float64]
"""For each class the sum of the shares that are not added yet, float64 `[C]`."""


class StoppingMonitor(Protocol):
    """Follows one image from checkpoint to checkpoint."""

    def observe_checkpoint(self, sum_chw: ProbabilitiesCHW, missing_c: MissingC) -> bool:
        """Observe the image at a checkpoint before the last; says whether it needs no further pass.

        Args:
            sum_chw: the weighted sum of probabilities so far, float32 `[C, H, W]`.
            missing_c: for each class the weight that is missing.
        """
        ...


NewMonitor = Callable[[], StoppingMonitor]


@dataclass(frozen=True, slots=True)
class Stopping:
    """When and by which rule the images of a run are stopped.

    Attributes:
        pass order: all passes, in the order in which they run.
        checkpoints: the numbers of passes after which an image's monitor is asked; ascending.
        new_monitor: makes the monitor of one image, or of one tile of it.
    """

    pass_order: PassOrder
    checkpoints: tuple[int, ...]
    new_monitor: NewMonitor


class MarginSummary(Protocol):
    """How settled an image is after some passes."""

    @property
    def uncertain_share(self) -> float:
        """The share of sampled pixels that are uncertain; see `ADVERSE_SHARE`."""
        ...

    @property
    def changeable_share_at_least(self) -> float:
        """A cheap lower bound of `changeable_share`."""
        ...

    @property
    def changeable_share(self) -> float:
        """The share of its pixels that can still change."""
        ...


def uncertainty_level(uncertain_share: float) -> int:
    """The position of the lowest of the levels that is not below the uncertain share."""
    return bisect_left(DOUBT_LEVELS, uncertain_share)


@dataclass(frozen=True, slots=True)
class RecordedMargins:
    """The shares of an image at one checkpoint, recorded."""

    changeable_share: float
    uncertain_share: float

    @property
    def changeable_share_at_least(self) -> float:
        return self.changeable_share


class Margins:
    """The margins of an image's pixels. All pixels are computed only on demand; a sample always is."""

    def __init__(self, sum_chw: ProbabilitiesCHW, missing_c: MissingC, decision: Decision) -> None:
        self._scores_chw = resize_probabilities(sum_chw, decision.grid_hw)
        self._missing_c = missing_c
        self._factors = decision.factors
        needed_hw = self._needed(self._scores_chw[:, ::SAMPLE_STEP, ::SAMPLE_STEP])
        self.uncertain_share = float((needed_hw <= ADVERSE_SHARE).mean())
        self.changeable_share_at_least = np.count_nonzero(needed_hw <= 1) / self._scores_chw[0].size

    @cached_property
    def changeable_share(self) -> float:
        return float((self._needed(self._scores_chw) <= 1).mean())

    def recorded(self) -> RecordedMargins:
        """The shares as plain numbers, without the image."""
        return RecordedMargins(self.changeable_share, self.uncertain_share)

    def _needed(self, scores_chw: ProbabilitiesCHW) -> NDArray[np.float32]:
        """The least share of its missing weight that any class needs to overtake the leading one."""
        return second_smallest_deficit(_needed_to_lead_by_class(scores_chw, self._missing_c, self._factors))


@dataclass(frozen=True, slots=True)
class TileMargins:
    """The doubt about a tile. Any of its labels may change, since its neighbours are blended with it."""

    uncertain_share: float
    changeable_share: float = 1.0
    changeable_share_at_least: float = 1.0

    @classmethod
    def of(cls, sum_chw: ProbabilitiesCHW, missing_c: MissingC, decision: Decision) -> Self:
        missing = float(missing_c.mean())
        margins_hw = decision.margins(sum_chw[:, ::SAMPLE_STEP, ::SAMPLE_STEP]) / (1 - missing)
        return cls(float((margins_hw <= SPREAD * math.sqrt(missing / (1 - missing))).mean()))


def _needed_to_lead_by_class(
    scores_chw: ProbabilitiesCHW, missing_c: MissingC, factors: tuple[float, ...]
) -> Iterator[NDArray[np.float32]]:
    """The least share of its missing weight that each class needs to lead."""
    largest = max(factors, default=1.0)
    for label, deficit_hw in enumerate(score_deficits(scores_chw, factors)):
        rounding = ROUNDING * largest / (factors[label] if factors else 1.0)
        missing = max(missing_c[label], MIN_MISSING)
        yield (deficit_hw - np.float32(rounding)) * np.float32(1 / missing)


@dataclass(slots=True)
class WorstCaseRule:
    """Settled when at most the tolerated share of pixels can still change, whatever passes follow."""

    tolerance: float

    def settles(self, now: MarginSummary) -> bool:
        return now.changeable_share_at_least <= self.tolerance and now.changeable_share <= self.tolerance


@dataclass(slots=True)
class CalibratedRule:
    """Settled by the inequality above; `risk` holds a loss for each of the doubt levels."""

    tolerance: float
    units: int
    risk: Sequence[float]
    _lowest: int = len(DOUBT_LEVELS)

    def settles(self, now: MarginSummary) -> bool:
        level = uncertainty_level(now.uncertain_share)
        # Only the first time at a level counts, since that is where the risk was measured.
        has_fallen = level < self._lowest
        self._lowest = min(level, self._lowest)
        room = (self.units + 1) * self.tolerance - self.units * self.risk[level] if has_fallen else 0.0
        room = max(room, 0.0)
        return now.changeable_share_at_least <= room and now.changeable_share <= room


Rule = WorstCaseRule | CalibratedRule


def new_stopping_rule(spec: StoppingSpec) -> Rule:
    """The rule for one image: calibrated if the spec is, else the worst case."""
    known = spec.calibration
    if known is None:
        return WorstCaseRule(spec.tolerance)
    return CalibratedRule(spec.tolerance, known.tiles or known.groups or known.images, known.risk)


@dataclass(frozen=True, slots=True)
class RuleMonitor:
    """Applies a rule to the margins of one image, or of one tile."""

    rule: Rule
    decision: Decision
    margins_of: Callable[[ProbabilitiesCHW, MissingC, Decision], MarginSummary] = Margins

    def observe_checkpoint(self, sum_chw: ProbabilitiesCHW, missing_c: MissingC) -> bool:
        return self.rule.settles(self.margins_of(sum_chw, missing_c, self.decision))


def new_stopping_monitors(spec: StoppingSpec, decision: Decision, *, of_tiles: bool = False) -> NewMonitor:
    """A factory of monitors that apply the spec's rule to images, or to tiles."""
    margins_of = TileMargins.of if of_tiles else Margins
    return lambda: RuleMonitor(new_stopping_rule(spec), decision, margins_of)
