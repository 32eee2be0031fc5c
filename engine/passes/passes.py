"""Passes, the unit of work: one frame (an image or a tile of one) in one view through one member."""

from collections.abc import Sequence
from dataclasses import dataclass

from seg.engine.passes.views import View

Size = tuple[int, int]
"""Height and width."""


@dataclass(frozen=True, slots=True)
class PlannedPass:
    """A member (by position), a view, and the share of the merge that they have together.

    `class_shares` holds a share for each class; empty if they are all the same.
    """

    member: int
    view: View
    share: float
    class_shares: tuple[float, ...] = ()

    def share_of(self, label: int) -> float:
        """The share for one class."""
        return self.class_shares[label] if self.class_shares else self.share


PassOrder = Sequence[PlannedPass]
"""The passes of every frame, in the order in which their probabilities are added.

The shares sum to 1, and so do those for each class.
"""


@dataclass(frozen=True, slots=True)
class Pass:
    """One frame, by its number, and the position of one planned pass in the pass order."""

    frame: int
    position: int


@dataclass(frozen=True, slots=True)
class Batch:
    """Passes of one member at one oriented size (height, width)."""

    member: int
    size_hw: Size
    passes: tuple[Pass, ...]
