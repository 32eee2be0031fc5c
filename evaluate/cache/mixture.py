"""Mixtures, the result of tuning: weights, temperatures and views of members, merge, and how they decide."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Self

from seg.spec.ensemble.prediction import MergeName
from seg.spec.ensemble.stacking import Stacking
from seg.views import ViewName

Views = tuple[ViewName, ...]


@dataclass(frozen=True, slots=True)
class Mixture:
    """Weights, which sum to 1, and views by member; members of weight 0 do not run.

    `temperatures` has one for each member; empty if all are 1. `class_weights` multiply a member's weight for
    each class, by member; may be empty. `factors` has one for each class; may be empty. `least_area` is in
    pixels, of all classes. `stacking` corrects the mean.
    """

    weights: tuple[float, ...]
    views: tuple[Views, ...]
    merge: MergeName = "mean"
    temperatures: tuple[float, ...] = ()
    class_weights: tuple[tuple[float, ...], ...] = ()
    factors: tuple[float, ...] = ()
    least_area: int = 0
    stacking: Stacking | None = None

    @classmethod
    def of(cls, weights: Sequence[float], views: Sequence[Views], merge: MergeName = "mean") -> Self:
        """A mixture with weights of any positive scale."""
        total = sum(weights)
        return cls(tuple(weight / total for weight in weights), tuple(views), merge)

    @classmethod
    def single(cls, member: int, views: Sequence[Views]) -> Self:
        return cls(tuple(float(position == member) for position in range(len(views))), tuple(views))

    @property
    def members(self) -> tuple[int, ...]:
        """The members that run, by position."""
        return tuple(position for position, weight in enumerate(self.weights) if weight > 0)

    def temperature(self, member: int) -> float:
        return self.temperatures[member] if self.temperatures else 1.0

    def class_weights_of(self, member: int) -> tuple[float, ...]:
        return self.class_weights[member] if self.class_weights else ()

    @property
    def passes(self) -> int:
        return sum(len(self.views[member]) for member in self.members)

    def only(self, members: Sequence[int]) -> Self:
        """The same with these members alone, their weights rescaled; fewer have no stacking."""
        kept = [weight if position in members else 0.0 for position, weight in enumerate(self.weights)]
        total = sum(kept)
        stacking = self.stacking if all(kept[member] for member in self.members) else None
        return replace(self, weights=tuple(weight / total for weight in kept), stacking=stacking)

    def with_views(self, views: Sequence[Views]) -> Self:
        """The same with these views."""
        return replace(self, views=tuple(views))

    def milliseconds(self, per_pass: Sequence[float]) -> float:
        """The milliseconds of an image, from the milliseconds a pass of each member."""
        return sum(len(self.views[member]) * per_pass[member] for member in self.members)
