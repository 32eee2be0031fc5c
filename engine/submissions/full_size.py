"""Submissions about images at their full resolution, of label maps that were predicted at another."""

from collections.abc import Iterable, Iterator, Sequence
from functools import cache
from pathlib import Path

from seg.data import Sample
from seg.data.images.read_sample import full_size_of_sample
from seg.data.regions.resized_labels import resized_labels
from seg.engine.submissions.base import (
    LabelledImage,
    LabelsByRegion,
    SizeOf,
    SubmissionFormat,
    write_submission,
)


class FullSizeFormat:
    """A format in which label maps are enlarged, each pixel to what it covers, when they are written."""

    def __init__(self, form: SubmissionFormat, full_size_of: SizeOf) -> None:
        self._form = form
        self._full_size_of = full_size_of

    def write(self, path: Path, images: Iterable[LabelledImage]) -> None:
        self.write_by_region(path, images)

    def write_by_region(self, path: Path, images: Iterable[LabelsByRegion]) -> None:
        enlarged = (
            (image_id, resized_labels(labels, self._full_size_of(image_id))) for image_id, labels in images
        )
        write_submission(self._form, path, enlarged)

    def read(self, path: Path, size_of: SizeOf) -> Iterator[LabelledImage]:
        return self._form.read(path, size_of)


def full_sizes_of_samples(samples: Sequence[Sample]) -> SizeOf:
    """The size of an image at its full resolution by its id."""
    sample_of = {sample.id: sample for sample in samples}

    @cache
    def full_size_of(image_id: str) -> tuple[int, int]:
        return full_size_of_sample(sample_of[image_id])

    return full_size_of
