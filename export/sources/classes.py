"""The classes of a network as those of the dataset, by name: renamed, reordered, merged, left out."""

from collections.abc import Sequence

from seg.classes import ClassInfo
from seg.errors import ModelError
from seg.export.sources.declaration import ClassMapping
from seg.spec import MemberSpec
from seg.spec.base import did_you_mean
from seg.spec.imported import REST


def map_classes(
    member: MemberSpec,
    said: Sequence[str],
    count: int,
    is_apart: bool,
    ours: Sequence[ClassInfo],
    background: str | None,
    assumed: list[str],
) -> tuple[ClassMapping, bool]:
    """The mapping, and whether the output has the class `rest` behind its own.

    Args:
        member: with the names by channel, the mapping and the covered classes that its YAML declares.
        said: the names by channel that the source says, or none.
        count: the number of the network's classes.
        is_apart: whether each of them has a probability of its own, so that a pixel may be of none.
        ours: the dataset's classes.
        background: the dataset's class of unlabelled pixels, if it has one.
        assumed: lines on what nobody said are added here.

    Raises:
        ModelError: a name is not known, or a class of the dataset is left without any of the network's.
    """
    known = list(member.covers) or [c.name for c in ours]
    _check_known(member, known, ours)
    theirs = _names_by_channel(member, said, count, is_apart, known, background, assumed)
    target = _targets(member, theirs, known, ours)
    has_rest = is_apart and (REST in target or bool(member.covers) or len(known) > count)
    if has_rest and REST not in target and not member.covers:
        missing = [name for name in known if name not in target.values()]
        if len(missing) == 1:
            target[REST] = missing[0]
            assumed.append(f"classes: {{ rest: {missing[0]} }}")
    _check_covered(member, target, known)
    channels = [*theirs, REST] if has_rest else theirs
    rows = [[float(target.get(name, target.get(REST)) == c.name) for name in channels] for c in ours]
    unmapped = [name for name in channels if name not in target and REST not in target]
    if member.covers:
        rows = _rest_to_others(rows, channels, target, member, ours)
    mapping = ClassMapping(
        theirs=tuple(channels),
        ours=tuple(ours),
        parts=tuple(map(tuple, rows)),
        renormalises=bool(unmapped) and not member.covers,
    )
    return mapping, has_rest


def _check_known(member: MemberSpec, known: Sequence[str], ours: Sequence[ClassInfo]) -> None:
    names = [c.name for c in ours]
    for place, wanted in (("covers", known), ("classes", (member.classes or {}).values())):
        for name in wanted:
            if name not in names:
                raise ModelError(
                    f"{member.name}: '{place}' names {name!r}, which is no class of the dataset:"
                    f" {did_you_mean(name, names)}"
                )


def _names_by_channel(
    member: MemberSpec,
    said: Sequence[str],
    count: int,
    is_apart: bool,
    known: Sequence[str],
    background: str | None,
    assumed: list[str],
) -> list[str]:
    """Declared names; else the source's, where they are used or known; else the dataset's; else numbers."""
    numbers = [str(channel) for channel in range(count)]
    for names, whose in ((member.output.classes, "'output.classes' has"), (said, "it names")):
        if names and len(names) != count:
            raise ModelError(f"{member.source}: has {count} classes and {whose} {len(names)}: correct it")
    if member.output.classes:
        return list(member.output.classes)
    if said and (member.classes or set(said) & set(known)):
        return list(said)
    if member.classes:
        return numbers
    without = [name for name in known if name != (background or known[0])]
    for names in (known, *([without] if is_apart else ())):
        if len(names) == count:
            assumed.append(f"classes in the dataset's order: {', '.join(names)}")
            return list(names)
    hint = f" ({', '.join(list(said)[:12])})" if said else ""
    raise ModelError(
        f"{member.source}: has {count} classes{hint} and the dataset {len(known)}: say which is which with"
        " 'classes: { theirs: Ours }', by name or number"
    )


def _targets(
    member: MemberSpec, theirs: Sequence[str], known: Sequence[str], ours: Sequence[ClassInfo]
) -> dict[str, str]:
    """For each of their classes, by name, ours that it belongs to; those that are left out are not there."""
    if member.classes is None:
        return {name: name for name in theirs if name in known}
    numbers = {str(channel): name for channel, name in enumerate(theirs)}
    target: dict[str, str] = {}
    for name, our in member.classes.items():
        their = name if name == REST or name in theirs else numbers.get(name)
        if their is None:
            raise ModelError(
                f"{member.name}: 'classes' names {name!r}, which is no class of {member.source}:"
                f" {did_you_mean(name, theirs)}"
            )
        if their in target:
            raise ModelError(f"{member.name}: 'classes' names {their!r} twice, by name and by number")
        target[their] = our
    return target


def _check_covered(member: MemberSpec, target: dict[str, str], known: Sequence[str]) -> None:
    missing = [name for name in known if name not in target.values()]
    if missing:
        fix = (
            "remove it from 'covers', or map a class to it with 'classes'"
            if member.covers
            else "map a class to it with 'classes', or list those that the member knows in 'covers'"
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
