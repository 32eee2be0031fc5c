"""`image_id,PredictionString`: the class ids of all pixels of a small grid, row by row."""

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from seg.classes import ClassInfo
from seg.engine.submissions.base import Labelled, SizeOf
from seg.engine.submissions.layout import TableLayout, body_of
from seg.engine.submissions.image_registry import SeenImages
from seg.engine.submissions.tables import Row, write_table
from seg.errors import DataError
from seg.labels import LabelsHW

MOST_DIGITS: Final = 18
"""Of a class id: an int64 holds them."""


class PixelStrings:
    """Class ids with one space between."""

    def __init__(self, classes: Sequence[ClassInfo], layout: TableLayout) -> None:
        self._layout = layout
        self._words = np.array([str(c.id) for c in classes])
        self._ids = np.array([c.id for c in classes], dtype=np.int64)
        self._by_id = self._ids.argsort()

    def write(self, path: Path, images: Iterable[Labelled]) -> None:
        write_table(path, self._layout.header, self._layout.in_order(map(self._row, images)))

    def read(self, path: Path, size_of: SizeOf) -> Iterator[Labelled]:
        seen = SeenImages(size_of)
        for line, (image_id, text) in body_of(path, self._layout):
            height, width = seen.size_hw(f"{path}:{line}", image_id)
            ids = _numbers(path, line, text)
            if len(ids) != height * width:
                raise DataError(f"{path}:{line}: has {len(ids)} pixels, not {height} x {width}")
            yield image_id, self._labels(path, line, ids).reshape(height, width)

    def _row(self, image: Labelled) -> Row:
        image_id, labels_hw = image
        if labels_hw.size and labels_hw.max() >= len(self._words):
            raise DataError(f"{image_id}: has pixels without a class, which this format cannot say")
        return image_id, " ".join(self._words[labels_hw.ravel()].tolist())

    def _labels(self, path: Path, line: int, ids: NDArray[np.int64]) -> LabelsHW:
        ascending = self._ids[self._by_id]
        places = np.searchsorted(ascending, ids).clip(max=len(ascending) - 1)
        is_unknown = ascending[places] != ids
        if is_unknown.any():
            raise DataError(f"{path}:{line}: '{ids[is_unknown][0]}' is no class id")
        labels: LabelsHW = self._by_id.astype(np.uint8)[places]
        return labels


def _numbers(path: Path, line: int, text: str) -> NDArray[np.int64]:
    """Numbers with white space between, digit by digit for all of them at once."""
    codes = np.frombuffer(f" {text} ".encode(), dtype=np.uint8)
    is_space = (codes == ord(" ")) | ((codes >= ord("\t")) & (codes <= ord("\r")))
    is_digit = (codes >= ord("0")) & (codes <= ord("9"))
    ends = np.flatnonzero(is_space[1:] & ~is_space[:-1])
    lengths = ends - np.flatnonzero(is_space[:-1] & ~is_space[1:])
    if not (is_space | is_digit).all() or lengths.max(initial=0) > MOST_DIGITS:
        wrong = next(
            word
            for word in text.split()
            if not (word.isascii() and word.isdigit() and len(word) <= MOST_DIGITS)
        )
        raise DataError(f"{path}:{line}: {wrong[:MOST_DIGITS]!r} is no class id")
    numbers = np.zeros(len(ends), dtype=np.int64)
    for place in range(lengths.max(initial=0)):
        digits = codes[ends - place].astype(np.int64) - ord("0")
        numbers += np.where(lengths > place, digits, 0) * 10**place
    return numbers
