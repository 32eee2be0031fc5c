"""The classes of a network as those of the dataset, by name: renamed, reordered, merged, left out."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from seg.errors import ModelError
from seg.export.sources.declaration import ClassMapping
from seg.labels.classes import ClassInfo
from seg.labels.task import Task, classes_overlap
from seg.spec import MemberSpec
from seg.spec.base import did_you_mean
from seg.spec.ensemble.imported import REST

_BACKGROUND: Final = "background"
"""The first class of a softmax that has one more than the dataset."""

_NO_NAME: Final = re.compile(r"(label|class)?[ _-]?\d+", re.IGNORECASE)
"""What libraries call classes that nobody named."""


@dataclass(frozen=True, slots=True)
class NetworkClasses:
    """The classes of a network.

    Attributes:
        count: how many there are.
        is_apart: whether each has a probability of its own, so that a pixel may be of none.
        said: their names by channel as the source says them, or none.
    """

    count: int
    is_apart: bool = False
    said: tuple[str, ...] = ()

    @property
    def names(self) -> tuple[str, ...]:
        """The names that somebody gave them, or none."""
        return () if all(_NO_NAME.fullmatch(name) for name in self.said) else self.said


def map_source_classes(
    member: MemberSpec,
    network: NetworkClasses,
    ours: Sequence[ClassInfo],
    background: str | None,
    assumed: list[str],
    task: Task = "multiclass",
) -> tuple[ClassMapping, bool]:
    """The mapping, and whether the output has the class `rest` behind its own.

    Args:
        member: with the names by channel, the mapping and the covered classes that its YAML declares.
        network: its classes.
        ours: the dataset's classes.
        background: the dataset's class of unlabelled pixels, if it has one.
        assumed: lines on what nobody said are added here.
        task: of the dataset; where its classes overlap, theirs that belong to none are left out.

    Raises:
        ModelError: a name is not known, or a class of the dataset is left without any of the network's.
    """
    known = list(member.covers) or [c.name for c in ours]
    _check_known_source_classes(member, known, ours)
    theirs = _class_names_by_channel(member, network, ours, background, assumed, task)
    target = _dataset_class_of_each(member, theirs, known)
    overlap = classes_overlap(task)
    has_none = network.is_apart and not overlap
    has_rest = has_none and (REST in target or bool(member.covers) or len(known) > network.count)
    missing = [name for name in known if name not in target.values()]
    if has_rest and REST not in target and not member.covers and len(missing) == 1:
        target[REST] = missing[0]
        assumed.append(f"classes: {{ rest: {missing[0]} }}")
    _check_covered_classes(member, target, known)
    channels = [*theirs, REST] if has_rest else theirs
    rows = [[float(target.get(name, target.get(REST)) == c.name) for name in channels] for c in ours]
    is_unmapped = REST not in target and any(name not in target for name in channels)
    if member.covers and not overlap:
        rows = _rest_to_others(rows, channels, target, member, ours)
    mapping = ClassMapping(
        theirs=tuple(channels),
        ours=tuple(ours),
        parts=tuple(map(tuple, rows)),
        renormalises=is_unmapped and not member.covers and not overlap,
    )
    return mapping, has_rest


def _check_known_source_classes(member: MemberSpec, known: Sequence[str], ours: Sequence[ClassInfo]) -> None:
    names = [c.name for c in ours]
    for place, wanted in (("covers", known), ("classes", (member.classes or {}).values())):
        for name in wanted:
            if name not in names:
                raise ModelError(
                    f"{member.name}: '{place}' names {name!r}, which is no class of the dataset:"
                    f" {did_you_mean(name, names)}"
                )


def _class_names_by_channel(
    member: MemberSpec,
    network: NetworkClasses,
    ours: Sequence[ClassInfo],
    background: str | None,
    assumed: list[str],
    task: Task,
) -> list[str]:
    """Declared names; else the source's; else the dataset's, if as many are known; else numbers."""
    count = network.count
    for names, whose in ((member.output.classes, "'output.classes' has"), (network.names, "it names")):
        if names and len(names) != count:
            raise ModelError(f"{member.source}: has {count} classes and {whose} {len(names)}: correct it")
    if member.output.classes or network.names:
        return list(member.output.classes or network.names)
    if member.classes:
        return [str(channel) for channel in range(count)]
    all_names = [c.name for c in ours]
    candidates = [list(member.covers), all_names]
    if not classes_overlap(task) and network.is_apart:
        candidates.append([name for name in all_names if name != (background or all_names[0])])
    if classes_overlap(task) and not network.is_apart:
        candidates.append([_BACKGROUND, *all_names])
    for candidate in candidates:
        if len(candidate) == count:
            assumed.append(f"classes in the dataset's order: {', '.join(candidate)}")
            return candidate
    raise ModelError(
        f"{member.source}: has {count} classes and the dataset {len(ours)}: say which is which with"
        " 'classes: { NUMBER: Ours }'"
    )


def _dataset_class_of_each(member: MemberSpec, theirs: Sequence[str], known: Sequence[str]) -> dict[str, str]:
    """For each of their classes, by name, ours that it belongs to; those that are left out are not there."""
    if member.classes is None:
        ours_of = {_comparable_class_name(name): name for name in known}
        return {
            name: ours_of[_comparable_class_name(name)]
            for name in theirs
            if _comparable_class_name(name) in ours_of
        }
    numbers = {str(channel): name for channel, name in enumerate(theirs)}
    target: dict[str, str] = {}
    for name, our in member.classes.items():
        their = name if name == REST or name in theirs else numbers.get(name)
        if their is None:
            raise ModelError(
                f"{member.name}: 'classes' names {name!r}, which is no class of {member.source}:"
                f" {_advice_on_source_classes(name, theirs)}"
            )
        if their in target:
            raise ModelError(f"{member.name}: 'classes' names {their!r} twice, by name and by number")
        target[their] = our
    return target


def _comparable_class_name(name: str) -> str:
    """A name without what differs between datasets that mean the same."""
    return name.casefold().replace("_", " ").replace("-", " ")


def _advice_on_source_classes(name: str, theirs: Sequence[str]) -> str:
    if theirs == [str(channel) for channel in range(len(theirs))]:
        return f"use its numbers, 0 to {len(theirs) - 1}, or name them with 'output: {{ classes: [...] }}'"
    return did_you_mean(name, theirs)


def _check_covered_classes(member: MemberSpec, target: dict[str, str], known: Sequence[str]) -> None:
    missing = [name for name in known if name not in target.values()]
    if not missing:
        return
    fix = (
        "remove it from 'covers', or map a class to it with 'classes: { theirs: Ours }'"
        if member.covers
        else "map a class to it with 'classes: { theirs: Ours }', or list what the member knows in 'covers'"
    )
    raise ModelError(f"{member.name}: no class of {member.source} belongs to {missing[0]!r}: {fix}")


def _rest_to_others(
    rows: list[list[float]],
    channels: Sequence[str],
    target: dict[str, str],
    member: MemberSpec,
    ours: Sequence[ClassInfo],
) -> list[list[float]]:
    """What belongs to no covered class, evenly on the classes that are not covered."""
    others = [label for label, c in enumerate(ours) if c.name not in member.covers]
    for channel, name in enumerate(channels):
        if target.get(name, target.get(REST)) in member.covers:
            continue
        for label in range(len(ours)):
            rows[label][channel] = 1 / len(others) if label in others else 0.0
    return rows
