"""The images that `seg show` draws: named by id or path, or spread over the split."""

import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

from seg.data import Sample, Split
from seg.errors import DataError
from seg.evaluate.show.shrunk_images import shrink_step_of


@dataclass(frozen=True)
class ShownImage:
    """An image to draw, and its position in the split, or None if it is not in the split.

    A contact sheet draws one pixel of `step` x `step`.
    """

    sample: Sample
    index: int | None

    @cached_property
    def step(self) -> int:
        return shrink_step_of(self.sample)


def choose_shown_images(split: Split, wanted: Sequence[str], count: int) -> list[ShownImage]:
    """The images that are named, by id or path; if none is, so many spread over the split."""
    if not wanted:
        step = max(1, len(split.samples) // count)
        return [
            ShownImage(split.samples[index], index) for index in range(0, len(split.samples), step)[:count]
        ]
    return [_find_shown_image(split, name) for name in wanted]


def _find_shown_image(split: Split, name: str) -> ShownImage:
    path = os.path.realpath(name)
    for index, sample in enumerate(split.samples):
        if sample.id == name or os.path.realpath(sample.image) == path:
            return ShownImage(sample, index)
    if not Path(name).is_file():
        raise DataError(f"{name}: is neither an image file nor the id of an image of the predict split")
    other = Sample(Path(name).stem, Path(name))
    if split.samples:
        other = replace(other, pixel_range=split.samples[0].pixel_range, scale=split.samples[0].scale)
    return ShownImage(other, None)
