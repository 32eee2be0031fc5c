"""`image_id,PredictionString`: the class ids of all pixels of a small grid, row by row."""

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Final

import numpy as np

from seg.classes import ClassInfo
from seg.engine.submissions.protocol import Labelled, SizeOf
from seg.engine.submissions.tables import Row, body_of, write_table
from seg.errors import DataError
from seg.labels import LabelsHW

HEADER: Final = ("image_id", "PredictionString")


class PixelStrings:
    """Class ids with one space between."""

    def __init__(self, classes: Sequence[ClassInfo]) -> None:
        self._words = np.array([str(c.id) for c in classes])
        self._label_of = {str(c.id): label for label, c in enumerate(classes)}

    def write(self, path: Path, images: Iterable[Labelled], sample: Path | None = None) -> None:
        write_table(path, HEADER, map(self._row, images), sample)

    def read(self, path: Path, size_of: SizeOf) -> Iterator[Labelled]:
        for line, (image_id, text) in body_of(path, HEADER):
            height, width = size_of(image_id)
            words = text.split()
            if len(words) != height * width:
                raise DataError(f"{path}:{line}: has {len(words)} pixels, not {height} x {width}")
            yield image_id, self._labels(path, line, words).reshape(height, width)

    def _row(self, image: Labelled) -> Row:
        image_id, labels_hw = image
        if labels_hw.size and labels_hw.max() >= len(self._words):
            raise DataError(f"{image_id}: has pixels without a class, which this format cannot say")
        return image_id, " ".join(self._words[labels_hw.ravel()].tolist())

    def _labels(self, path: Path, line: int, words: list[str]) -> LabelsHW:
        try:
            return np.array([self._label_of[word] for word in words], dtype=np.uint8)
        except KeyError as error:
            raise DataError(f"{path}:{line}: {error.args[0]!r} is no class id") from error
