"""What every submission format can do."""

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Protocol

from seg.engine.passes.passes import Size
from seg.labels import LabelsHW

Labelled = tuple[str, LabelsHW]
"""An image's id and its label map, uint8 `[H, W]`."""

SizeOf = Callable[[str], Size]
"""Height and width of the label map of an id, for formats that do not say it."""


class SubmissionFormat(Protocol):
    """One way to write label maps down."""

    def write(self, path: Path, images: Iterable[Labelled], sample: Path | None = None) -> None:
        """Write a submission, atomically; a table's rows in the order of `images`, or of the `sample` CSV.

        Raises:
            OutputError: the folder cannot be written.
            DataError: the sample submission has other ids than the predictions.
        """
        ...

    def read(self, path: Path, size_of: SizeOf) -> Iterator[Labelled]:
        """The label maps of a submission. Pixels that no class covers have the unlabelled class, or, where
        there is none, the ignore index.

        Raises:
            DataError: the file is no such submission; names the row.
        """
        ...
