"""The group of each image: given by the dataset, or looked for. Whatever compares images uses it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from seg.data.groups.found import find_groups
from seg.data.groups.given import given_groups
from seg.data.groups.thumbnails import effective_number_of_images, read_thumbnails
from seg.data.splits.split import Sample
from seg.spec.dataset.groups import GroupSpec
from seg.terminal.words import pluralise


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

    @property
    def units(self) -> tuple[str, ...]:
        """What intervals resample: the group of each image; each image alone if all are of one group."""
        if self.count > 1:
            return self.labels
        return tuple(str(image) for image in range(len(self.labels)))

    @property
    def intervals_over(self) -> str:
        """What intervals resample, in words."""
        if self.count == len(self.labels):
            return "images"
        return f"{self.count} groups of images" if self.count > 1 else "images of one group, so too narrow"

    def __str__(self) -> str:
        images = pluralise(len(self.labels), "image")
        if self.count == len(self.labels):
            return f"{images}, each a group of its own"
        return f"{images} in {pluralise(self.count, 'group')} ({self.source})"


def group_images(samples: Sequence[Sample], spec: GroupSpec | None) -> Groups:
    """The groups of images: frames of a drive, slices of a patient. Regions of an image are in one group.

    Args:
        samples: of one split, or of several, whose groups are then the same.
        spec: `group` of the dataset; without it, groups are looked for by names and near-duplicates, and each
            image that resembles no other is a group of its own.

    Raises:
        SpecError: an image has no group.
        DataError: an image cannot be read.
    """
    one_of_image = {sample.image: sample for sample in reversed(samples)}
    if len(one_of_image) < len(samples) and any(sample.region for sample in samples):
        groups = group_images(tuple(one_of_image.values()), spec)
        label_of = dict(zip(one_of_image, groups.labels, strict=True))
        return Groups(tuple(label_of[sample.image] for sample in samples), groups.source)
    if spec is not None:
        return Groups(given_groups(samples, spec), "given")
    return Groups(find_groups(samples, read_thumbnails(samples)), "found")


def independent_images(samples: Sequence[Sample]) -> float:
    """About how many independent images these are worth; raises DataError if one cannot be read."""
    return effective_number_of_images(read_thumbnails(samples))
