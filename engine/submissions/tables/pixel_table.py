"""The pixel-string format, `image_id,PredictionString`: class ids of all pixels of a grid, row by row."""

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from seg.engine.submissions.base import LabelledImage, SizeOf
from seg.engine.submissions.image_registry import ImageRegistry
from seg.engine.submissions.tables.table_format import Key, TableFormat
from seg.engine.submissions.tables.table_rows import read_submission_rows, write_table_rows
from seg.errors import DataError
from seg.labels.classes import ClassInfo
from seg.labels.label_map import LabelsHW

MAX_DIGITS: Final = 18
"""The most digits of a class id that fit into an int64."""


class PixelTable:
    """Class ids separated by single spaces."""

    def __init__(self, classes: Sequence[ClassInfo], style: TableFormat) -> None:
        self._style = style
        self._words = np.array([str(c.id) for c in classes])
        self._ids = np.array([c.id for c in classes], dtype=np.int64)
        self._by_id = self._ids.argsort()

    def write(self, path: Path, images: Iterable[LabelledImage]) -> None:
        write_table_rows(path, self._style, map(self._row, images))

    def read(self, path: Path, size_of: SizeOf) -> Iterator[LabelledImage]:
        registry = ImageRegistry(size_of)
        for row in read_submission_rows(path, self._style):
            height, width = registry.register(f"{path}:{row.line}", row.image_id)
            ids = _parse_pixel_string(path, row.line, row.values[0])
            if len(ids) != height * width:
                raise DataError(f"{path}:{row.line}: has {len(ids)} pixels, not {height} x {width}")
            yield row.image_id, self._labels(path, row.line, ids).reshape(height, width)

    def _row(self, image: LabelledImage) -> tuple[Key, list[str]]:
        image_id, labels_hw = image
        if labels_hw.size and labels_hw.max() >= len(self._words):
            raise DataError(f"{image_id}: has pixels without a class, which this format cannot store")
        (key,) = self._style.keys_of_image(image_id)
        return key, [" ".join(self._words[labels_hw.ravel()].tolist())]

    def _labels(self, path: Path, line: int, ids: NDArray[np.int64]) -> LabelsHW:
        ascending = self._ids[self._by_id]
        places = np.searchsorted(ascending, ids).clip(max=len(ascending) - 1)
        is_unknown = ascending[places] != ids
        if is_unknown.any():
            raise DataError(f"{path}:{line}: '{ids[is_unknown][0]}' is not a class id")
        labels: LabelsHW = self._by_id.astype(np.uint8)[places]
        return labels


def _parse_pixel_string(path: Path, line: int, text: str) -> NDArray[np.int64]:
    """Numbers separated by white space, parsed digit by digit for all numbers at once."""
    codes = np.frombuffer(f" {text} ".encode(), dtype=np.uint8)
    is_space = (codes == ord(" ")) | ((codes >= ord("\t")) & (codes <= ord("\r")))
    is_digit = (codes >= ord("0")) & (codes <= ord("9"))
    ends = np.flatnonzero(is_space[1:] & ~is_space[:-1])
    lengths = ends - np.flatnonzero(is_space[:-1] & ~is_space[1:])
    if not (is_space | is_digit).all() or lengths.max(initial=0) > MAX_DIGITS:
        wrong = next(
            word
            for word in text.split()
            if not (word.isascii() and word.isdigit() and len(word) <= MAX_DIGITS)
        )
        raise DataError(f"{path}:{line}: {wrong[:MAX_DIGITS]!r} is not a class id")
    numbers = np.zeros(len(ends), dtype=np.int64)
    for place in range(lengths.max(initial=0)):
        digits = codes[ends - place].astype(np.int64) - ord("0")
        numbers += np.where(lengths > place, digits, 0) * 10**place
    return numbers
