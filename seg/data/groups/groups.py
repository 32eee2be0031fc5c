"""The group of each image: given by the dataset, or looked for. Whatever compares images uses it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from seg.data.groups.found import found_labels
from seg.data.groups.given import given_labels
from seg.data.groups.thumbnails import effective_images, read_thumbnails
from seg.data.splits.split import Sample
from seg.spec.dataset.groups import GroupSpec
from seg.terminal.words import counted


@dataclass(frozen=True, slots=True)
class Groups:
    """The group of each image.

    Attributes:
        labels: by image.
        source: whether the dataset gives them, or they were looked for.
    """

    labels: tuple[str, ...]
    source: Literal["given", "found"]

    @property
    def count(self) -> int:
        return len(set(self.labels))

    def __str__(self) -> str:
        images = counted(len(self.labels), "image")
        if self.count == len(self.labels):
            return f"{images}, each a group of its own"
        return f"{images} in {counted(self.count, 'group')} ({self.source})"


def group_images(samples: Sequence[Sample], spec: GroupSpec | None) -> Groups:
    """The groups of images: frames of a drive, slices of a patient, tiles of a slide.

    Args:
        samples: of one split, or of several, whose groups are then the same.
        spec: `group` of the dataset; without it, groups are looked for by names and near-duplicates, and each
            image that resembles no other is a group of its own.

    Raises:
        SpecError: an image has no group.
        DataError: an image cannot be read.
    """
    if spec is not None:
        return Groups(given_labels(samples, spec), "given")
    return Groups(found_labels(samples, read_thumbnails(samples)), "found")


def independent_images(samples: Sequence[Sample]) -> float:
    """About how many independent images these are worth; raises DataError if one cannot be read."""
    return effective_images(read_thumbnails(samples))
