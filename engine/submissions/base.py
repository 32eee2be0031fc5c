"""The interface of all submission formats."""

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Protocol, runtime_checkable

from seg.data.regions.label_raster import LabelRaster
from seg.engine.passes.passes import Size
from seg.labels.task import LabelMap

LabelledImage = tuple[str, LabelMap]
"""An image's id and its label map, `[H, W]`."""

SizeOf = Callable[[str], Size]
"""Height and width of the label map of an id; raises DataError if there is no such image."""


LabelsByRegion = tuple[str, LabelRaster]
"""An image's id and its label map, of which regions are read; an array is one."""


class SubmissionFormat(Protocol):
    """A format that label maps are written in and read from."""

    def write(self, path: Path, images: Iterable[LabelledImage]) -> None:
        """Write a submission, atomically; a table's rows in the order of `images`, or of the sample.

        Raises:
            OutputError: the folder cannot be written.
            DataError: the format cannot hold an id or a label.
        """
        ...

    def read(self, path: Path, size_of: SizeOf) -> Iterator[LabelledImage]:
        """The label maps of a submission, each image once, in the size given by `size_of`.

        Pixels that no class covers get the unlabelled class, or the ignore index if there is none; where
        classes overlap, no class.

        Raises:
            DataError: the file is not in this format, or has a duplicate image, an unknown image, a wrong
                size, or an unknown class. The message names the file and the row, entry or member.
        """
        ...


@runtime_checkable
class FormatByRegion(Protocol):
    """A format that writes label maps of any size, of which it reads a region at a time."""

    def write_by_region(self, path: Path, images: Iterable[LabelsByRegion]) -> None:
        """Write a submission as `SubmissionFormat.write`."""
        ...


def write_submission(form: SubmissionFormat, path: Path, images: Iterable[LabelsByRegion]) -> None:
    """Write label maps; by region if the format can, else each as a whole. Raises as `write`."""
    if isinstance(form, FormatByRegion):
        form.write_by_region(path, images)
    else:
        form.write(path, ((image_id, labels[:, :]) for image_id, labels in images))
