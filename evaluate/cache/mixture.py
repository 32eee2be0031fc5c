"""What tuning decides: each member's weight, temperature and views, the merge, and what each class counts."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Self

from seg.spec.prediction import MergeName
from seg.views import ViewName

Views = tuple[ViewName, ...]


@dataclass(frozen=True, slots=True)
class Mixture:
    """Weights, which sum to 1, and views by member; a member without weight is not run.

    `temperatures` has one for each member, or none, where all are 1. `class_weights` multiply a member's
    weight for each class, by member, or are none; `factors` has one for each class, or none.
    """

    weights: tuple[float, ...]
    views: tuple[Views, ...]
    merge: MergeName = "mean"
    temperatures: tuple[float, ...] = ()
    class_weights: tuple[tuple[float, ...], ...] = ()
    factors: tuple[float, ...] = ()

    @classmethod
    def of(cls, weights: Sequence[float], views: Sequence[Views], merge: MergeName = "mean") -> Self:
        """Weights of any positive scale."""
        total = sum(weights)
        return cls(tuple(weight / total for weight in weights), tuple(views), merge)

    @classmethod
    def single(cls, member: int, views: Sequence[Views]) -> Self:
        return cls(tuple(float(position == member) for position in range(len(views))), tuple(views))

    @property
    def members(self) -> tuple[int, ...]:
        """Those that are run, by position."""
        return tuple(position for position, weight in enumerate(self.weights) if weight > 0)

    def temperature(self, member: int) -> float:
        return self.temperatures[member] if self.temperatures else 1.0

    def class_weights_of(self, member: int) -> tuple[float, ...]:
        return self.class_weights[member] if self.class_weights else ()

    @property
    def passes(self) -> int:
        return sum(len(self.views[member]) for member in self.members)

    def only(self, members: Sequence[int]) -> Self:
        """The same with these members alone, their weights to scale."""
        kept = [weight if position in members else 0.0 for position, weight in enumerate(self.weights)]
        total = sum(kept)
        return replace(self, weights=tuple(weight / total for weight in kept))

    def seen_as(self, views: Sequence[Views]) -> Self:
        """The same with these views."""
        return replace(self, views=tuple(views))

    def milliseconds(self, per_pass: Sequence[float]) -> float:
        """What an image costs, if a pass of each member costs so much."""
        return sum(len(self.views[member]) * per_pass[member] for member in self.members)
