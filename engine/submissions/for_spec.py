"""The submission of a spec: its format, and the expected size of each label map."""

from dataclasses import dataclass
from functools import cached_property

from seg.classes import ClassInfo
from seg.data import Sample, Split, open_split
from seg.data.read_sample import open_sample
from seg.engine.passes.passes import Size
from seg.engine.submissions.base import SubmissionFormat
from seg.engine.submissions.formats import open_format
from seg.errors import DataError
from seg.spec import EnsembleSpec
from seg.spec.output import Format


@dataclass(frozen=True)
class SubmissionSpec:
    """The expected submission for the images that a spec predicts."""

    spec: EnsembleSpec

    @cached_property
    def split(self) -> Split:
        return open_split(self.spec.data, "predict")

    @property
    def classes(self) -> tuple[ClassInfo, ...]:
        return self.split.classes

    def form(self, name: Format | None = None) -> SubmissionFormat:
        """The spec's format, or another format with the same classes."""
        output = self.spec.output
        form = name or output.format
        return open_format(
            form,
            self.classes,
            self.spec.data.unlabelled,
            output.rle,
            self.image_of,
            samples=self.split.samples,
            values=output.values,
            sample=output.sample if form == output.format else None,
        )

    def size_of(self, image_id: str) -> Size:
        """The size of an image's label map: the spec's output size, or the image's own.

        Raises:
            DataError: there is no such image, or it cannot be read.
        """
        sample = self._sample_of(image_id)
        if self.spec.output.size:
            return self.spec.output.size
        if image_id not in self._sizes:
            height, width = open_sample(sample).shape[:2]
            self._sizes[image_id] = height, width
        return self._sizes[image_id]

    def image_of(self, image_id: str) -> str:
        """The path of an image; raises DataError if there is none of that id."""
        return str(self._sample_of(image_id).image)

    def _sample_of(self, image_id: str) -> Sample:
        sample = self._samples.get(image_id)
        if sample is None:
            raise DataError(f"{image_id!r} is not an image of the spec's 'predict' split")
        return sample

    @cached_property
    def _sizes(self) -> dict[str, Size]:
        """Sizes found so far: a submission may have many rows for an image."""
        return {}

    @cached_property
    def _samples(self) -> dict[str, Sample]:
        return {sample.id: sample for sample in self.split.samples}
