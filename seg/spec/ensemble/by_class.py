"""What a spec gives to classes by name, in the order of the classes of its models."""

from collections.abc import Iterable, Mapping, Sequence

from seg.errors import SpecError
from seg.labels.classes import ClassInfo
from seg.spec.base import did_you_mean
from seg.spec.dataset.class_entry import numbered_classes
from seg.spec.dataset.dataset import DatasetSpec


def names_of_listed_classes(dataset: DatasetSpec) -> list[str]:
    """The names of the classes that the dataset lists; none if it lists none."""
    if dataset.classes is None:
        return []
    return [info.name for info in numbered_classes(dataset.classes, dataset.unlabelled, dataset.task)]


def refuse_unlisted_classes(dataset: DatasetSpec, named: Mapping[str, Iterable[str]]) -> None:
    """Raise ValueError where a name is of no class that the dataset lists; if it lists none, any may be.

    Args:
        named: the names of classes by their place in the spec, which the message quotes.
    """
    known = names_of_listed_classes(dataset)
    if not known:
        return
    for place, names in named.items():
        for name in names:
            if name not in known:
                raise ValueError(f"'{place}.{name}': there is no class {name!r}: {did_you_mean(name, known)}")


def numbers_by_class(
    place: str, named: Mapping[str, float], classes: Sequence[ClassInfo]
) -> tuple[float, ...]:
    """A number for each class, 1 where none is said; nothing at all where none is named.

    Args:
        place: where they stand in the spec, for the message.

    Raises:
        SpecError: one is for no class.
    """
    check_class_names(place, named, classes)
    return tuple(named.get(info.name, 1.0) for info in classes) if named else ()


def coverage_by_class(place: str, covered: Sequence[str], classes: Sequence[ClassInfo]) -> tuple[float, ...]:
    """1 for each class that is covered, else 0; nothing at all where none is named."""
    check_class_names(place, covered, classes)
    return tuple(float(info.name in covered) for info in classes) if covered else ()


def check_class_names(place: str, named: Iterable[str], classes: Sequence[ClassInfo]) -> None:
    """Raise SpecError where a name is of no class."""
    names = [info.name for info in classes]
    for name in named:
        if name not in names:
            raise SpecError(f"{place}: there is no class {name!r}: classes are {', '.join(names)}")
