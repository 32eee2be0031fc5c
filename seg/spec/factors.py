"""Class factors of a spec, for the classes of its models."""

from collections.abc import Mapping, Sequence

from seg.classes import ClassInfo
from seg.errors import SpecError


def factors_of(named: Mapping[str, float], classes: Sequence[ClassInfo]) -> tuple[float, ...]:
    """A factor for each class, or none at all where none is named.

    Raises:
        SpecError: one is for no class.
    """
    names = [info.name for info in classes]
    for name in named:
        if name not in names:
            raise SpecError(f"class_factors: there is no class {name!r}: classes are {', '.join(names)}")
    return tuple(named.get(name, 1.0) for name in names) if named else ()
