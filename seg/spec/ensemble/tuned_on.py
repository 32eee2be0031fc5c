"""The images that an ensemble was tuned on, described so that others can be compared with them."""

from collections.abc import Mapping, Sequence
from typing import Annotated

from pydantic import Field

from seg import ranges
from seg.spec.base import Spec, number_within

Share = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]


class TunedOnSpec(Spec):
    """The images that `seg tune` fitted on. `seg ensemble` says if those to predict differ from them."""

    images: Annotated[int, number_within(ranges.IMAGES)]
    """Their number."""
    spread: Share
    """The distance of the group of images that differs most from the others, by the shares of classes."""
    classes: dict[str, Share]
    """The share of the pixels that each class is predicted for."""


def distance_of_class_shares(first: Sequence[float], second: Sequence[float]) -> float:
    """The share of pixels that would have to change their class: the total variation, in 0..1.

    Example:
        >>> distance_of_class_shares((0.5, 0.5, 0.0), (0.5, 0.25, 0.25))
        0.25
    """
    return sum(abs(a - b) for a, b in zip(first, second, strict=True)) / 2


def class_shares_in_order(named: Mapping[str, float], names: Sequence[str]) -> tuple[float, ...]:
    """The shares in the order of the names; 0 for one that is not there."""
    return tuple(named.get(name, 0.0) for name in names)
