"""Kaggle's two run-length formats.

kaggle            a row for each image and class: `ImageId_ClassId,EncodedPixels`
kaggle-per-image  a row for each image: `ImageId`, then a column for each class but the unlabelled
                  one, with the class's name as header (`EncodedPixels` where there is only one)
"""

import itertools
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from seg.engine.passes.passes import Size
from seg.engine.submissions.base import LabelledImage, SizeOf
from seg.engine.submissions.image_registry import ImageRegistry
from seg.engine.submissions.tables import rle
from seg.engine.submissions.tables.csv_file import Row, write_table
from seg.engine.submissions.tables.layout import TableLayout, read_mapped_rows
from seg.engine.submissions.tables.table_kind import TableKind
from seg.errors import DataError
from seg.labels import LabelsHW
from seg.spec.output import RleSpec


class _Canvas:
    """Collects the runs of an image's classes and draws them as a label map."""

    def __init__(self, path: Path, size_hw: Size, classes: int, background: int, style: RleSpec) -> None:
        self._path = path
        self._size_hw = size_hw
        self._background = background
        self._style = style
        self._runs = [np.zeros((0, 2), dtype=np.int64) for _ in range(classes)]
        self._line = 0

    def add(self, line: int, label: int, text: str) -> None:
        self._line = line
        with self._errors_with_line():
            self._runs[label] = rle.parse(text, self._size_hw[0] * self._size_hw[1], self._style)

    def labels_hw(self) -> LabelsHW:
        with self._errors_with_line():
            pixels = rle.merge_runs(self._runs, self._size_hw[0] * self._size_hw[1], self._background)
        return rle.reshape(pixels, self._size_hw, self._style)

    @contextmanager
    def _errors_with_line(self) -> Iterator[None]:
        try:
            yield
        except DataError as error:
            raise DataError(f"{self._path}:{self._line}: {error}") from error


class RowPerImageAndClass:
    """A row for each image and class; empty classes have the style's empty text, or no row."""

    def __init__(self, classes: int, kind: TableKind, layout: TableLayout, style: RleSpec) -> None:
        self._classes = classes
        self._kind = kind
        self._layout = layout
        self._style = style

    def write(self, path: Path, images: Iterable[LabelledImage]) -> None:
        rows = itertools.chain.from_iterable(map(self._rows, images))
        write_table(path, self._layout.header, self._layout.arrange_rows(rows))

    def read(self, path: Path, size_of: SizeOf) -> Iterator[LabelledImage]:
        registry = ImageRegistry(size_of)
        for image_id, rows in itertools.groupby(
            self._body(path), key=lambda row: self._kind.split(row[1])[0]
        ):
            canvas: _Canvas | None = None
            line_of: dict[str, int] = {}
            for line, row_id, text in rows:
                class_id = self._kind.split(row_id)[1]
                if class_id not in self._kind.label_of_id:
                    known = ", ".join(self._kind.label_of_id)
                    raise DataError(
                        f"{path}:{line}: {row_id!r} does not end in a class id: known are {known}"
                    )
                if class_id in line_of:
                    raise DataError(
                        f"{path}:{line}: {row_id!r} is already in line {line_of[class_id]}: keep one"
                    )
                line_of[class_id] = line
                canvas = canvas or self._canvas(path, registry.register(f"{path}:{line}", image_id))
                canvas.add(line, self._kind.label_of_id[class_id], text)
            if canvas:
                yield image_id, canvas.labels_hw()

    def _body(self, path: Path) -> Iterator[tuple[int, str, str]]:
        """Lines, ids and run lengths, grouped by image if a sample's order separates them."""
        rows = ((line, row_id, text) for line, (row_id, text) in read_mapped_rows(path, self._layout))
        if self._layout.file_ids is None:
            return rows
        position = {image_id: at for at, image_id in enumerate(map(self._image_of, self._layout.file_ids))}
        return iter(sorted(rows, key=lambda row: position.get(self._image_of(row[1]), len(position))))

    def _image_of(self, row_id: str) -> str:
        return self._kind.split(row_id)[0]

    def _canvas(self, path: Path, size_hw: Size) -> _Canvas:
        return _Canvas(path, size_hw, self._classes, self._kind.background, self._style)

    def _rows(self, image: LabelledImage) -> Iterator[Row]:
        image_id, labels_hw = image
        encoded = rle.encode(labels_hw, self._classes, self._style)
        for row_id, label in zip(
            self._kind.row_ids([image_id]), self._kind.label_of_id.values(), strict=True
        ):
            if encoded[label] or self._style.empty != "drop":
                yield row_id, encoded[label]


class RowPerImage:
    """A row for each image; pixels that no column covers have the unlabelled class."""

    def __init__(self, classes: int, kind: TableKind, layout: TableLayout, style: RleSpec) -> None:
        self._classes = classes
        self._kind = kind
        self._layout = layout
        self._style = style

    def write(self, path: Path, images: Iterable[LabelledImage]) -> None:
        write_table(path, self._layout.header, self._layout.arrange_rows(map(self._row, images)))

    def read(self, path: Path, size_of: SizeOf) -> Iterator[LabelledImage]:
        registry = ImageRegistry(size_of)
        for line, (image_id, *texts) in read_mapped_rows(path, self._layout):
            size_hw = registry.register(f"{path}:{line}", image_id)
            canvas = _Canvas(path, size_hw, self._classes, self._kind.background, self._style)
            for label, text in zip(self._kind.labels, texts, strict=True):
                canvas.add(line, label, text)
            yield image_id, canvas.labels_hw()

    def _row(self, image: LabelledImage) -> Row:
        image_id, labels_hw = image
        runs = rle.encode(labels_hw, self._classes, self._style)
        return image_id, *(runs[label] for label in self._kind.labels)
