"""The submission of a spec: its format, and the expected size of each label map."""

from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from seg.data import Sample, Split, open_split
from seg.data.images.read_sample import full_size_of_sample, open_sample
from seg.engine.passes.passes import Size
from seg.engine.submissions.base import LabelledImage, SubmissionFormat
from seg.engine.submissions.formats import open_submission_format
from seg.engine.submissions.tables.open_table import open_table
from seg.engine.submissions.tables.table_format import TableFormat
from seg.errors import DataError
from seg.labels.classes import ClassInfo
from seg.labels.task import LabelMap
from seg.spec import EnsembleSpec
from seg.spec.ensemble.output import FULL_SIZE_FORMATS, Format, OutputSpec
from seg.spec.yaml.source import validate_values
from seg.terminal.words import pluralise


@dataclass(frozen=True)
class SubmissionForSpec:
    """The expected submission for the images that a spec predicts."""

    spec: EnsembleSpec

    @cached_property
    def split(self) -> Split:
        return open_split(self.spec.data, "predict")

    @property
    def classes(self) -> tuple[ClassInfo, ...]:
        return self.split.classes

    def form(self, name: Format | None = None) -> SubmissionFormat:
        """The spec's format, or another format with the same classes, without what only the spec's has."""
        output = self.spec.output
        if name and name != output.format:
            output = validate_values(OutputSpec, output.keys_in_format(name))
        data = self.spec.data
        return open_submission_format(
            output, self.classes, data.unlabelled, self.image_of, self.split.samples, task=data.task
        )

    def in_order(self, images: Iterable[LabelledImage], source: Path) -> Iterator[LabelledImage]:
        """Images in the order of the split; those that come early are kept until it is their turn.

        Raises:
            DataError: the file `source`, whose images they are, lacks one.
        """
        missing: list[str] = []
        rest, early = iter(images), dict[str, LabelMap]()
        for sample in self.split.samples:
            while sample.id not in early:
                image_id, labels_hw = next(rest, (None, None))
                if image_id is None or labels_hw is None:
                    break
                early[image_id] = labels_hw
            if sample.id in early:
                yield sample.id, early.pop(sample.id)
            else:
                missing.append(sample.id)
        if missing:
            raise DataError(f"{source}: lacks {pluralise(len(missing), 'image')}, {missing[0]!r} among them")
        # Rows behind those of the last image are read, too: the reader refuses an image that comes again.
        deque(rest, maxlen=0)

    @cached_property
    def table(self) -> TableFormat:
        """The format of the spec's CSV; raises DataError as `open_table`."""
        return open_table(self.spec.output, self.classes, self.spec.data.unlabelled, self.split.samples)

    def size_of(self, image_id: str, name: Format | None = None) -> Size:
        """The size of an image's label map: the spec's output size, or the image's own.

        Args:
            name: the format of the submission; default: that of the spec. Some are about images at their full
                resolution, whatever it is predicted at.

        Raises:
            DataError: there is no such image, or it cannot be read.
        """
        sample = self._sample_of(image_id)
        if self.spec.output.size:
            return self.spec.output.size
        if sample.scale and (name or self.spec.output.format) in FULL_SIZE_FORMATS:
            return full_size_of_sample(sample)
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
