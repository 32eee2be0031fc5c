"""The classes that a CSV has rows or columns for, and what it calls them."""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Final

from seg.engine.submissions.tables.columns import TableColumns
from seg.engine.submissions.tables.table_format import TableFormat
from seg.errors import DataError
from seg.labels.classes import ClassInfo, is_background
from seg.labels.label_map import IGNORE_INDEX
from seg.spec.base import did_you_mean
from seg.spec.ensemble.output import OutputSpec

_SHOWN: Final = 5


@dataclass(frozen=True)
class RowClasses:
    """The classes of a dataset, and which of them a spec's CSV has."""

    output: OutputSpec
    classes: Sequence[ClassInfo]
    unlabelled: str

    @cached_property
    def written(self) -> dict[str, int]:
        """The label of each class with rows by its text: of those the spec lists, or all it does not drop.

        Raises:
            DataError: the spec names a class that does not exist, or drops all.
        """
        if self.output.classes is None:
            kept = {str(c.id): label for label, c in enumerate(self.classes) if label not in self.dropped}
            if not kept:
                raise DataError("output.drop: names all classes: keep one")
            return kept
        label_of_id = {c.id: label for label, c in enumerate(self.classes)}
        texts: dict[str, int] = {}
        for entry in self.output.classes:
            if isinstance(entry, str):
                texts[entry] = self._label_of_name(entry, "classes")
            elif entry in label_of_id:
                texts[str(entry)] = label_of_id[entry]
            else:
                nearest = did_you_mean(str(entry), map(str, label_of_id))
                raise DataError(f"output.classes: no class has the id {entry}: {nearest}")
        if len(set(texts.values())) < len(texts):
            raise DataError(f"output.classes: {', '.join(texts)} name a class twice: name it once")
        return texts

    @cached_property
    def dropped(self) -> set[int]:
        """The labels of the classes that the spec drops; raises DataError as `written`."""
        return {self._label_of_name(name, "drop") for name in self.output.drop}

    def background_beside(self, labels: Collection[int]) -> int:
        """The label of pixels that no row covers: of the unlabelled class, or the only one without rows."""
        names = [c.name for c in self.classes]
        if self.unlabelled in names:
            return names.index(self.unlabelled)
        left_out = set(range(len(names))) - set(labels)
        return left_out.pop() if len(left_out) == 1 else IGNORE_INDEX

    @property
    def labelled(self) -> list[int]:
        """The labels of `written` without the unlabelled class, unless the spec lists it."""
        if self.output.classes is not None:
            return list(self.written.values())
        return [label for label in self.written.values() if self.classes[label].name != self.unlabelled]

    @property
    def foreground(self) -> list[int]:
        """The labels of `labelled` without a class named background, unless the spec lists it."""
        if self.output.classes is not None:
            return self.labelled
        return [label for label in self.labelled if not is_background(self.classes[label].name)]

    def in_table(
        self, table: TableFormat, *, label_of_class: Mapping[str, int] = {}, labels: tuple[int, ...] = ()
    ) -> TableFormat:
        """A table with the classes of its rows, or of its columns, and the background beside these."""
        background = self.background_beside(labels or list(label_of_class.values()))
        return replace(table, label_of_class=label_of_class, labels=labels, background=background)

    def single(self, place: str) -> int:
        """The only class of run lengths whose class nothing names; raises DataError if there are several."""
        if len(self.foreground) != 1:
            names = ", ".join(self.classes[label].name for label in self.foreground[:_SHOWN])
            raise DataError(
                f"{place}: nothing tells the class of a row, and there are {len(self.foreground)} ({names}):"
                " end output.id with '_{class}', add a column of classes, or drop all but one (output.drop);"
                " a contest that wants the class of every pixel has format: pixels"
            )
        return self.foreground[0]

    def of_columns(self, place: str, columns: TableColumns) -> tuple[int, ...]:
        """The classes of columns that are named after them; raises DataError if a class has no column."""
        label_of_name = {c.name: label for label, c in enumerate(self.classes)}
        labels = tuple(label_of_name[name] for name in columns.classes)
        self.check_complete(place, labels, "column")
        return labels

    def of_texts(self, place: str, texts: Iterable[str]) -> Mapping[str, int]:
        """The label of each class text of a sample, which are ids or names.

        Raises:
            DataError: they are neither.
        """
        spellings: Sequence[Callable[[str], str]] = (str, str, _plain_class_name)
        known: Sequence[Mapping[str, int]] = [self.written]
        if self.output.classes is None:
            by_id = {str(c.id): label for label, c in enumerate(self.classes)}
            by_name = {c.name: label for label, c in enumerate(self.classes)}
            known = [by_id, by_name, {_plain_class_name(name): label for name, label in by_name.items()}]
        distinct = list(dict.fromkeys(texts))
        for label_of, spelled in zip(known, spellings, strict=False):
            if all(spelled(text) in label_of for text in distinct):
                return {text: label_of[spelled(text)] for text in distinct}
        theirs = ", ".join(map(repr, distinct[:_SHOWN]))
        ours = ", ".join(f"{c.id} {c.name}" for c in self.classes[:_SHOWN])
        raise DataError(
            f"{place}: its classes are {theirs}, but those of the dataset {ours}: give the classes these ids"
            " or names in the dataset's YAML"
        )

    def check_complete(self, place: str, labels: Iterable[int], what: str) -> None:
        """Raise DataError if a class that is not the background is missing."""
        missing = sorted(set(self.foreground) - set(labels))
        if missing:
            name = self.classes[missing[0]].name
            raise DataError(
                f"{place}: has no {what} of class {name!r}{_and_more_classes(missing)}: name the classes as"
                f" the contest does; or, if it is not wanted, set output: {{drop: [{name}]}}"
            )

    def _label_of_name(self, name: str, key: str) -> int:
        names = [c.name for c in self.classes]
        if name not in names:
            raise DataError(f"output.{key}: no class is named {name!r}: {did_you_mean(name, names)}")
        return names.index(name)


def _and_more_classes(some: Sequence[object]) -> str:
    return "" if len(some) == 1 else f" and {len(some) - 1} more"


def _plain_class_name(name: str) -> str:
    return name.casefold().replace(" ", "_").replace("-", "_")
