"""Headers and row ids of the table formats."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from seg.classes import ClassInfo
from seg.labels import IGNORE_INDEX
from seg.spec.output import Format

_HEADERS: Final = {"kaggle": ("ImageId_ClassId", "EncodedPixels"), "pixels": ("image_id", "PredictionString")}


@dataclass(frozen=True, slots=True)
class TableKind:
    """The rows and columns of a table format.

    Attributes:
        header: with the id's column first.
        labels: of the run-length columns; empty if a row is for one class, or for all.
        label_of_id: the label of each class id if a row is for one class; else empty.
        background: the label of the unlabelled class, or the ignore index.
    """

    header: tuple[str, ...]
    labels: tuple[int, ...]
    label_of_id: Mapping[str, int]
    background: int

    def row_ids(self, image_ids: Iterable[str]) -> Iterator[str]:
        """The ids of all rows of some images."""
        for image_id in image_ids:
            if not self.label_of_id:
                yield image_id
            for class_id in self.label_of_id:
                yield f"{image_id}_{class_id}"

    def split(self, row_id: str) -> tuple[str, str]:
        """The ids of the image and of the class; the latter is empty if a row is for all classes."""
        if not self.label_of_id:
            return row_id, ""
        image_id, _, class_id = row_id.rpartition("_")
        return image_id, class_id

    def is_of_background(self, row_id: str) -> bool:
        """Whether a row is of the unlabelled class, which follows from the other rows of its image."""
        return bool(self.label_of_id) and self.label_of_id.get(self.split(row_id)[1]) == self.background


def kind_of(form: Format, classes: Sequence[ClassInfo], unlabelled: str) -> TableKind:
    """The rows and columns of `kaggle`, `kaggle-per-image` or `pixels`."""
    background = label_of(classes, unlabelled)
    if form == "kaggle-per-image":
        labels = tuple(label for label in range(len(classes)) if label != background)
        names = [classes[label].name for label in labels]
        return TableKind(
            ("ImageId", *(names if len(names) > 1 else ["EncodedPixels"])), labels, {}, background
        )
    ids = {str(c.id): label for label, c in enumerate(classes)} if form == "kaggle" else {}
    return TableKind(_HEADERS[form], (), ids, background)


def label_of(classes: Sequence[ClassInfo], name: str) -> int:
    """The label of the class of that name, or the ignore index."""
    return next((label for label, c in enumerate(classes) if c.name == name), IGNORE_INDEX)
