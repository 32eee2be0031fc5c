"""Kaggle's two formats of run lengths.

kaggle            a row for each image and class: `ImageId_ClassId,EncodedPixels`
kaggle-per-image  a row for each image: `ImageId`, then a column for each class but the unlabelled
                  one, headed by the class's name (`EncodedPixels` where there is only one)
"""

import itertools
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import numpy as np

from seg.classes import ClassInfo
from seg.engine.passes.passes import Size
from seg.engine.submissions import rle
from seg.engine.submissions.base import Labelled, SizeOf
from seg.engine.submissions.tables import Row, body_of, write_table
from seg.errors import DataError
from seg.labels import IGNORE_INDEX, LabelsHW
from seg.spec.output import RleSpec

ROW_HEADER: Final = ("ImageId_ClassId", "EncodedPixels")


class _Canvas:
    """Gathers the runs of an image's classes, and makes them a label map."""

    def __init__(self, path: Path, size_hw: Size, classes: int, background: int, style: RleSpec) -> None:
        self._path = path
        self._size_hw = size_hw
        self._background = background
        self._style = style
        self._runs = [np.zeros((0, 2), dtype=np.int64) for _ in range(classes)]
        self._line = 0

    def add(self, line: int, label: int, text: str) -> None:
        self._line = line
        with self._in_its_line():
            self._runs[label] = rle.parse(text, self._size_hw[0] * self._size_hw[1], self._style)

    def labels_hw(self) -> LabelsHW:
        with self._in_its_line():
            pixels = rle.join(self._runs, self._size_hw[0] * self._size_hw[1], self._background)
        return rle.on_image(pixels, self._size_hw, self._style)

    @contextmanager
    def _in_its_line(self) -> Iterator[None]:
        try:
            yield
        except DataError as error:
            raise DataError(f"{self._path}:{self._line}: {error}") from error


class RowPerImageAndClass:
    """A class without pixels has a row with the style's text for that, or none."""

    def __init__(self, classes: Sequence[ClassInfo], unlabelled: str, style: RleSpec) -> None:
        self._classes = classes
        self._background = label_of(classes, unlabelled)
        self._style = style

    def write(self, path: Path, images: Iterable[Labelled], sample: Path | None = None) -> None:
        write_table(path, ROW_HEADER, itertools.chain.from_iterable(map(self._rows, images)), sample)

    def read(self, path: Path, size_of: SizeOf) -> Iterator[Labelled]:
        labels = {str(c.id): label for label, c in enumerate(self._classes)}
        rows = body_of(path, ROW_HEADER)
        for image_id, group in itertools.groupby(rows, key=lambda entry: entry[1][0].rpartition("_")[0]):
            canvas = self._canvas(path, size_of(image_id))
            for line, (row_id, text) in group:
                class_id = row_id.rpartition("_")[2]
                if class_id not in labels:
                    raise DataError(
                        f"{path}:{line}: {row_id!r} ends in no class id: known are {', '.join(labels)}"
                    )
                canvas.add(line, labels[class_id], text)
            yield image_id, canvas.labels_hw()

    def _canvas(self, path: Path, size_hw: Size) -> _Canvas:
        return _Canvas(path, size_hw, len(self._classes), self._background, self._style)

    def _rows(self, image: Labelled) -> Iterator[Row]:
        image_id, labels_hw = image
        for c, runs in zip(
            self._classes, rle.encode(labels_hw, len(self._classes), self._style), strict=True
        ):
            if runs or self._style.empty != "drop":
                yield f"{image_id}_{c.id}", runs


class RowPerImage:
    """All classes of an image in one row; what no column covers is the unlabelled class."""

    def __init__(self, classes: Sequence[ClassInfo], unlabelled: str, style: RleSpec) -> None:
        self._classes = classes
        self._background = label_of(classes, unlabelled)
        self._style = style
        self._columns = [label for label in range(len(classes)) if label != self._background]
        names = [classes[label].name for label in self._columns]
        self._header = ("ImageId", *(names if len(names) > 1 else ["EncodedPixels"]))

    def write(self, path: Path, images: Iterable[Labelled], sample: Path | None = None) -> None:
        write_table(path, self._header, map(self._row, images), sample)

    def read(self, path: Path, size_of: SizeOf) -> Iterator[Labelled]:
        for line, (image_id, *texts) in body_of(path, self._header):
            canvas = self._canvas(path, size_of(image_id))
            for label, text in zip(self._columns, texts, strict=True):
                canvas.add(line, label, text)
            yield image_id, canvas.labels_hw()

    def _canvas(self, path: Path, size_hw: Size) -> _Canvas:
        return _Canvas(path, size_hw, len(self._classes), self._background, self._style)

    def _row(self, image: Labelled) -> Row:
        image_id, labels_hw = image
        runs = rle.encode(labels_hw, len(self._classes), self._style)
        return image_id, *(runs[label] for label in self._columns)


def label_of(classes: Sequence[ClassInfo], name: str) -> int:
    """The label of the class of that name, or the ignore index."""
    return next((label for label, c in enumerate(classes) if c.name == name), IGNORE_INDEX)
