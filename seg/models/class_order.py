"""Class order: the channels of a model in the order of the dataset's classes, matched by name."""

from collections.abc import Sequence
from typing import TypeVar

from seg.errors import ModelError
from seg.labels.classes import ClassInfo
from seg.labels.task import Task, classes_overlap
from seg.models.card import ModelCard

Channels = tuple[int, ...]
"""For each class of the dataset, the model's channel of that class."""

Item = TypeVar("Item")


def channels_of_classes(
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


def channels_for_task(
    own: Sequence[ClassInfo],
    own_task: Task,
    wanted: Sequence[ClassInfo],
    wanted_task: Task,
    source: object,
    whose: str = "the dataset",
) -> Channels:
    """The same for a model that may have been trained for another task.

    A softmax over two classes is a sigmoid of one of them: where only that one is wanted, its channel is it.

    Raises:
        ModelError: the names or the tasks differ.
    """
    names = [c.name for c in own]
    if classes_overlap(own_task) == classes_overlap(wanted_task):
        return channels_of_classes(own, wanted, source, whose)
    if classes_overlap(wanted_task) and len(own) == 2 and len(wanted) == 1 and wanted[0].name in names:
        return (names.index(wanted[0].name),)
    raise ModelError(
        f"{source}: was trained with 'task: {own_task}', {whose} has 'task: {wanted_task}': set the task that"
        " it was trained with, or train it again"
    )


def shared_class_card(cards: Sequence[ModelCard]) -> ModelCard:
    """The card with the classes and the task of an ensemble of such models, where no dataset says them.

    That of the first; of the first whose classes overlap, as a softmax over two classes may join those.
    """
    return next((card for card in cards if classes_overlap(card.task)), cards[0])


def has_other_class_order(channels: Channels, own: int) -> bool:
    """Whether the dataset has other classes than all `own` channels of the model in their order."""
    return channels != tuple(range(own))


def in_class_order(items: Sequence[Item], channels: Channels) -> tuple[Item, ...]:
    """Items of the model's classes, reordered to the dataset's classes."""
    return tuple(items[channel] for channel in channels)
