"""The one description of a contest's CSV, which is used to write, read, check and repair it."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Final

from seg.engine.submissions.tables.csv_file import Row
from seg.labels.label_map import IGNORE_INDEX
from seg.spec.ensemble.output import RleSpec

Key = tuple[str, str]
"""What a row is about, as the CSV writes it: the image, and the class, or \"\" if the row has all classes."""

NO_CLASS: Final = ""


@dataclass(frozen=True)
class TableFormat:
    """The columns, ids, classes and rows of a CSV.

    Attributes:
        header: the names of the columns.
        id_column: the position of the image's id.
        value_columns: the positions of run lengths or pixel values.
        class_column: the position of the row's class; None if the id names it, or a row has all classes.
        class_separator: between image and class in the id, if it names the class.
        label_of_class: the label of each class by its text in the CSV, in the order of an image's rows; empty
            if a row has all classes.
        labels: the class of each of `value_columns`, if a row has run lengths of all classes.
        background: the label of pixels without a class: the unlabelled class's, or the ignore index.
        rle: how run lengths are written.
        empty: the run lengths of a class without pixels.
        drops_empty: whether a row without pixels is not written.
        ids: the id in the CSV of each image; images that are missing here have the same id in both.
        rows: all rows in the sample's order; None if the rows follow the images.
        others: the texts of the sample's further columns by their names, such as an image's height, for each
            of its rows; they are written as they are.
    """

    header: tuple[str, ...]
    id_column: int
    value_columns: tuple[int, ...]
    class_column: int | None = None
    class_separator: str = "_"
    label_of_class: Mapping[str, int] = field(default_factory=dict)
    labels: tuple[int, ...] = ()
    background: int = IGNORE_INDEX
    rle: RleSpec = field(default_factory=RleSpec)
    empty: str = ""
    drops_empty: bool = False
    ids: Mapping[str, str] = field(default_factory=dict)
    rows: tuple[Key, ...] | None = None
    others: Mapping[Key, Mapping[str, str]] = field(default_factory=dict)

    @property
    def has_row_for_each_class(self) -> bool:
        return bool(self.label_of_class)

    @property
    def has_run_lengths(self) -> bool:
        """Whether values are run lengths of classes; else they are the pixels of an image."""
        return bool(self.labels or self.label_of_class)

    def keys_of_image(self, image_id: str) -> Iterator[Key]:
        """The rows of an image."""
        name = self.ids.get(image_id, image_id)
        for class_text in self.label_of_class or (NO_CLASS,):
            yield name, class_text

    def key_of_fields(self, fields: Row) -> Key:
        """What a row of the CSV is about; the class is "" if the row does not name a known form of class."""
        text = fields[self.id_column]
        if self.class_column is not None:
            return text, fields[self.class_column]
        return self.split_id(text) if self.has_row_for_each_class else (text, NO_CLASS)

    def split_id(self, text: str) -> Key:
        """The image and the class of an id that names both: the longest known class, or the last word."""
        for class_text in self._classes_with_separator:
            if text.endswith(self.class_separator + class_text):
                return text.removesuffix(self.class_separator + class_text), class_text
        image, _, class_text = text.rpartition(self.class_separator)
        return image, class_text

    def show(self, key: Key) -> str:
        """A row's id in messages."""
        image, class_text = key
        if not self.has_row_for_each_class:
            return image
        return f"{image}{self.class_separator if self.class_column is None else ','}{class_text}"

    def fields(self, key: Key, values: Sequence[str]) -> list[str]:
        """A row of the CSV."""
        image, class_text = key
        others = self.others.get(key, {})
        fields = [others.get(name, "") for name in self.header]
        if self.class_column is not None:
            fields[self.class_column] = class_text
        elif self.has_row_for_each_class:
            image = f"{image}{self.class_separator}{class_text}"
        fields[self.id_column] = image
        for column, value in zip(self.value_columns, values, strict=True):
            fields[column] = value
        return fields

    def values(self, fields: Row) -> list[str]:
        """Run lengths or pixel values of a row of the CSV."""
        return [fields[column] for column in self.value_columns]

    def is_of_background(self, key: Key) -> bool:
        """Whether a row is of the unlabelled class, which follows from the other rows of its image."""
        return self.has_row_for_each_class and self.label_of_class.get(key[1]) == self.background

    def image_of(self, name: str) -> str:
        """The image of an id of the CSV."""
        return self._image_of.get(name, name)

    @cached_property
    def _image_of(self) -> Mapping[str, str]:
        return {name: image_id for image_id, name in self.ids.items()}

    @cached_property
    def _classes_with_separator(self) -> list[str]:
        """The longest first: an id that ends with one of them ends with shorter ones, too."""
        found = [class_text for class_text in self.label_of_class if self.class_separator in class_text]
        return sorted(found, key=len, reverse=True)


def image_ids_of_rows(keys: Iterable[Key]) -> list[str]:
    """The ids of the images of some rows, each once."""
    return list(dict.fromkeys(image for image, _ in keys))
