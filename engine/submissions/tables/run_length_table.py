"""CSVs of run lengths: a row for each image and class, or for each image with all its classes."""

import itertools
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from seg.engine.passes.passes import Size
from seg.engine.submissions.base import LabelledImage, LabelsByRegion, SizeOf
from seg.engine.submissions.image_registry import ImageRegistry
from seg.engine.submissions.tables import rle
from seg.engine.submissions.tables.table_format import Key, TableFormat
from seg.engine.submissions.tables.table_rows import TableRow, read_submission_rows, write_table_rows
from seg.errors import DataError
from seg.labels.task import LabelMap, Task, classes_overlap, pack_masks
from seg.spec.ensemble.output import RleSpec


class RunLengthTable:
    """Empty classes have the contest's text, or no row; pixels of no row have the unlabelled class.

    Classes that overlap have run lengths of their own.
    """

    def __init__(self, classes: int, style: TableFormat, image_ids: Sequence[str], task: Task) -> None:
        self._classes = classes
        self._style = style
        self._image_ids = image_ids
        self._overlap = classes_overlap(task)

    def write(self, path: Path, images: Iterable[LabelledImage]) -> None:
        self.write_by_region(path, images)

    def write_by_region(self, path: Path, images: Iterable[LabelsByRegion]) -> None:
        write_table_rows(path, self._style, itertools.chain.from_iterable(map(self._rows, images)))

    def read(self, path: Path, size_of: SizeOf) -> Iterator[LabelledImage]:
        registry = ImageRegistry(size_of)
        found = set()
        rows = read_submission_rows(path, self._style)
        for image_id, rows_of_image in itertools.groupby(rows, key=lambda row: row.image_id):
            canvas: _RunLengthCanvas | None = None
            line_of: dict[str, int] = {}
            for row in rows_of_image:
                self._check_class(path, row, line_of)
                if canvas is None:
                    canvas = self._canvas(path, registry.register(f"{path}:{row.line}", image_id))
                for label, text in zip(self._labels_of(row.key), row.values, strict=True):
                    canvas.add(row.line, label, "" if text == self._style.empty else text)
            if canvas:
                found.add(image_id)
                yield image_id, canvas.labels_hw()
        if self._style.drops_empty:
            for image_id in self._image_ids:
                if image_id not in found:
                    size_hw = registry.register(str(path), image_id)
                    yield image_id, self._canvas(path, size_hw).labels_hw()

    def _canvas(self, path: Path, size_hw: Size) -> "_RunLengthCanvas":
        background = None if self._overlap else self._style.background
        return _RunLengthCanvas(path, size_hw, self._classes, background, self._style.rle)

    def _check_class(self, path: Path, row: TableRow, line_of: dict[str, int]) -> None:
        """Raise DataError for a class that is unknown, or that an earlier row of the image has."""
        style, class_text = self._style, row.key[1]
        if style.has_row_for_each_class and class_text not in style.label_of_class:
            raise DataError(f"{path}:{row.line}: {unknown_class_in_row(style, row.key)}")
        if class_text in line_of:
            raise DataError(
                f"{path}:{row.line}: {style.show(row.key)!r} is already in line {line_of[class_text]}:"
                " keep one"
            )
        line_of[class_text] = row.line

    def _labels_of(self, key: Key) -> Sequence[int]:
        """The classes of a row's values."""
        return (
            (self._style.label_of_class[key[1]],)
            if self._style.has_row_for_each_class
            else self._style.labels
        )

    def _rows(self, image: LabelsByRegion) -> Iterator[tuple[Key, Sequence[str]]]:
        image_id, labels = image
        encode = rle.encode_rle_of_masks if self._overlap else rle.encode_rle
        encoded = encode(labels, self._classes, self._style.rle)
        for key in self._style.keys_of_image(image_id):
            values = [encoded[label] for label in self._labels_of(key)]
            if any(values) or not self._style.drops_empty:
                yield key, [value or self._style.empty for value in values]


def unknown_class_in_row(style: TableFormat, key: Key) -> str:
    """The problem of a row that names no known class."""
    known = f"known are {', '.join(style.label_of_class)}"
    if style.class_column is not None:
        return f"{key[1]!r} is not a class: {known}"
    return f"{style.show(key)!r} does not end in a class id: {known}"


class _RunLengthCanvas:
    """Collects the runs of an image's classes and draws them as a label map.

    `background` is the label of pixels of no run; None where classes overlap.
    """

    def __init__(
        self, path: Path, size_hw: Size, classes: int, background: int | None, style: RleSpec
    ) -> None:
        self._path = path
        self._size_hw = size_hw
        self._background = background
        self._style = style
        self._runs = [np.zeros((0, 2), dtype=np.int64) for _ in range(classes)]
        self._line = 0

    def add(self, line: int, label: int, text: str) -> None:
        self._line = line
        with self._errors_with_line():
            self._runs[label] = rle.parse_rle(text, self._size_hw[0] * self._size_hw[1], self._style)

    def labels_hw(self) -> LabelMap:
        count = self._size_hw[0] * self._size_hw[1]
        if self._background is None:
            flat = [rle.merge_runs([runs], count, 1) for runs in self._runs]
            return pack_masks(
                np.stack([rle.reshape_in_rle_order(one, self._size_hw, self._style) == 0 for one in flat])
            )
        with self._errors_with_line():
            pixels = rle.merge_runs(self._runs, count, self._background)
        return rle.reshape_in_rle_order(pixels, self._size_hw, self._style)

    @contextmanager
    def _errors_with_line(self) -> Iterator[None]:
        try:
            yield
        except DataError as error:
            raise DataError(f"{self._path}:{self._line}: {error}") from error
