"""Class order: the channels of a model in the order of the dataset's classes, matched by name."""

from collections.abc import Sequence
from typing import TypeVar

from seg.errors import ModelError
from seg.labels.classes import ClassInfo

Channels = tuple[int, ...]
"""For each class of the dataset, the model's channel of that class."""

Item = TypeVar("Item")


def channels_of(
    own: Sequence[ClassInfo], wanted: Sequence[ClassInfo], source: object, whose: str = "the dataset"
) -> Channels:
    """The model's channel of each wanted class.

    Args:
        own: the classes of the model, by channel.
        wanted: the classes by label.
        source: the model, for the message.
        whose: the owner of the wanted classes, for the message.

    Raises:
        ModelError: the names differ; the message lists both.
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
    """Items of the model's classes, reordered to the dataset's classes."""
    return tuple(items[channel] for channel in channels)
