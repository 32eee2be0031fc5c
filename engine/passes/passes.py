"""The unit of work: one frame, which is an image or a tile of one, in one view through one member."""

from collections.abc import Sequence
from dataclasses import dataclass

from seg.engine.passes.views import View

Size = tuple[int, int]
"""Height and width."""


@dataclass(frozen=True, slots=True)
class PlannedPass:
    """A member (by position), a view, and the share of the merge that they have together.

    `class_shares` are those for each class; empty where they are the same for all.
    """

    member: int
    view: View
    share: float
    class_shares: tuple[float, ...] = ()

    def share_of(self, label: int) -> float:
        """The share for one class."""
        return self.class_shares[label] if self.class_shares else self.share


Plan = Sequence[PlannedPass]
"""The passes that every frame takes, in the order in which their answers are added up.

The shares sum to 1, and so do those for each class.
"""


@dataclass(frozen=True, slots=True)
class Pass:
    """One frame, by its number, and the position of one planned pass in the plan."""

    frame: int
    position: int


@dataclass(frozen=True, slots=True)
class Batch:
    """Passes of one member at one oriented size (height, width)."""

    member: int
    size_hw: Size
    passes: tuple[Pass, ...]
