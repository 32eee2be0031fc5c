"""A model's classes in the dataset's order: by name where both have the same names, refused otherwise."""

from collections.abc import Sequence
from typing import TypeVar

from seg.classes import ClassInfo
from seg.errors import ModelError

Channels = tuple[int, ...]
"""For each class of the dataset, the channel of the model that is about it."""

Item = TypeVar("Item")


def channels_of(
    own: Sequence[ClassInfo], wanted: Sequence[ClassInfo], source: object, whose: str = "the dataset"
) -> Channels:
    """Where a model holds each of the wanted classes.

    Args:
        own: the classes of the model, by channel.
        wanted: the classes by label.
        source: the model, for the message.
        whose: the wanted classes are, for the message.

    Raises:
        ModelError: the names are not the same; the message lists both.
    """
    names, wanted_names = [c.name for c in own], [c.name for c in wanted]
    if len(set(names)) < len(names) or sorted(names) != sorted(wanted_names):
        raise ModelError(
            f"{source}: was trained for the classes {names}, {whose} has {wanted_names}: the names"
            " must be the same, in any order"
        )
    return tuple(names.index(name) for name in wanted_names)


def is_reordered(channels: Channels) -> bool:
    """Whether the dataset lists the classes in another order than the model."""
    return channels != tuple(range(len(channels)))


def reordered(items: Sequence[Item], channels: Channels) -> tuple[Item, ...]:
    """What belongs to the model's classes, in the dataset's order."""
    return tuple(items[channel] for channel in channels)
