"""The submission that a spec describes: its format, and the size of each label map."""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from seg.classes import ClassInfo
from seg.data import Split, open_split
from seg.data.windows import open_raster
from seg.engine.passes.passes import Size
from seg.engine.submissions.base import SubmissionFormat
from seg.engine.submissions.formats import open_format
from seg.errors import DataError
from seg.spec import EnsembleSpec
from seg.spec.output import Format


@dataclass(frozen=True)
class SubmissionSpec:
    """What is known about submissions for the images that a spec predicts."""

    spec: EnsembleSpec

    @cached_property
    def split(self) -> Split:
        return open_split(self.spec.data, "predict")

    @property
    def classes(self) -> tuple[ClassInfo, ...]:
        return self.split.classes

    def form(self, name: Format | None = None) -> SubmissionFormat:
        """The spec's format, or another with the same classes."""
        output = self.spec.output
        return open_format(
            name or output.format, self.classes, self.spec.data.unlabelled, output.rle, self.image_of
        )

    def size_of(self, image_id: str) -> Size:
        """The size of an image's label map: the spec's output size, or the image's own.

        Raises:
            DataError: there is no such image, or it cannot be read.
        """
        if self.spec.output.size:
            return self.spec.output.size
        if image_id not in self._sizes:
            height, width = open_raster(Path(self.image_of(image_id))).shape[:2]
            self._sizes[image_id] = height, width
        return self._sizes[image_id]

    def image_of(self, image_id: str) -> str:
        """The path of an image; raises DataError where there is none of that id."""
        image = self._images.get(image_id)
        if image is None:
            raise DataError(f"{image_id!r} is no image of the spec's 'predict' split")
        return str(image)

    @cached_property
    def _sizes(self) -> dict[str, Size]:
        """Those that were asked for: a submission has many rows for an image."""
        return {}

    @cached_property
    def _images(self) -> dict[str, Path]:
        return {sample.id: sample.image for sample in self.split.samples}
