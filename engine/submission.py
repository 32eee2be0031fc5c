"""Submissions: label maps in a fixed order in, one CSV out, whole or not at all.

kaggle            a row for each image and class: `ImageId_ClassId,EncodedPixels`
kaggle-per-image  a row for each image: `ImageId`, then a column for each class but the unlabelled
                  one, headed by the class's name (`EncodedPixels` where there is only one)
"""

import csv
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Protocol

from seg.classes import ClassInfo
from seg.engine import rle
from seg.engine.journal import Entry
from seg.errors import DataError, OutputError
from seg.files import atomic_path
from seg.spec.ensemble import Format

Row = Sequence[str]


class Dialect(Protocol):
    """A submission format: a header, and the rows of one image, each with its id first."""

    def header(self) -> Row: ...

    def rows(self, entry: Entry) -> Iterator[Row]: ...


class RowPerImageAndClass:
    """Kaggle's usual format; a class without pixels has an empty string."""

    def __init__(self, classes: Sequence[ClassInfo]) -> None:
        self._classes = classes

    def header(self) -> Row:
        return ("ImageId_ClassId", "EncodedPixels")

    def rows(self, entry: Entry) -> Iterator[Row]:
        for c, runs in zip(self._classes, _runs(entry, self._classes), strict=True):
            yield f"{entry.id}_{c.id}", runs


class RowPerImage:
    """All classes of an image in one row; what no column covers is the unlabelled class."""

    def __init__(self, classes: Sequence[ClassInfo], unlabelled: str) -> None:
        self._classes = classes
        self._columns = [label for label, c in enumerate(classes) if c.name != unlabelled]

    def header(self) -> Row:
        names = [self._classes[label].name for label in self._columns]
        return ("ImageId", *(names if len(names) > 1 else ["EncodedPixels"]))

    def rows(self, entry: Entry) -> Iterator[Row]:
        runs = _runs(entry, self._classes)
        yield entry.id, *(runs[label] for label in self._columns)


def dialect(name: Format, classes: Sequence[ClassInfo], unlabelled: str) -> Dialect:
    """The format of that name."""
    match name:
        case "kaggle":
            return RowPerImageAndClass(classes)
        case "kaggle-per-image":
            return RowPerImage(classes, unlabelled)


def write_submission(
    path: Path,
    form: Dialect,
    entries: Iterable[Entry],
    sample: Path | None = None,
) -> None:
    """Write a submission, atomically; rows come in the order of `entries`, or of the `sample` CSV.

    Raises:
        OutputError: the folder cannot be written.
        DataError: the sample submission has other ids than the predictions.
    """
    rows: Iterable[Row] = (row for entry in entries for row in form.rows(entry))
    if sample is not None:
        rows = _in_order_of(sample, rows)
    try:
        with (
            atomic_path(path) as temporary,
            temporary.open("w", encoding="utf-8", newline="") as file,
        ):
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow(form.header())
            writer.writerows(rows)
    except OSError as error:
        raise OutputError(f"{path}: cannot be written: {error.strerror}") from error


def _in_order_of(sample: Path, rows: Iterable[Row]) -> list[Row]:
    wanted = _first_column(sample)
    row_of = {row[0]: row for row in rows}
    missing = [row_id for row_id in wanted if row_id not in row_of]
    if missing:
        raise DataError(
            f"{sample}: row {missing[0]!r} and {len(missing) - 1} more have no prediction:"
            " are these the images of the spec's 'predict' split, and is the format right?"
        )
    extra = row_of.keys() - set(wanted)
    if extra:
        raise DataError(f"{sample}: lacks {min(extra)!r} and {len(extra) - 1} more rows that are predicted")
    return [row_of[row_id] for row_id in wanted]


def _first_column(sample: Path) -> list[str]:
    try:
        with sample.open(encoding="utf-8", newline="") as file:
            return [row[0] for row in csv.reader(file) if row][1:]
    except OSError as error:
        raise DataError(f"{sample}: cannot be read: {error.strerror}") from error
    except (UnicodeDecodeError, csv.Error) as error:
        raise DataError(f"{sample}: is not a CSV in UTF-8: {error}") from error


def _runs(entry: Entry, classes: Sequence[ClassInfo]) -> list[str]:
    return rle.encode(entry.labels_hw, len(classes))
