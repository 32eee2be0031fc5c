"""Groups of images that are looked for: by their names, where the pictures agree, and by near-duplicates."""

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from seg.data.groups.thumbnails import ThumbnailsND, nearest_thumbnails, similar_thumbnail_pairs
from seg.data.splits.split import Sample

NEAR_DUPLICATE: Final = 0.97
"""Correlation of thumbnails from which two images show the same: above all pairs of different drives."""

AGREEMENT: Final = 0.25
"""How far images that look alike must have like names, from 0 (by chance) to 1 (all), as in Cohen's kappa."""

ERRORS: Final = 3.0
"""Standard errors by which they must do so more often than by chance."""

NEXT: Final = 2
"""Images are next to one another if their numbers in the order of names differ by at most this."""

_PARTS: Final = re.compile(r"[ _.\-]+")
_NUMBER: Final = re.compile(r"\d+$")


def find_groups(samples: Sequence[Sample], thumbnails_nd: ThumbnailsND) -> tuple[str, ...]:
    """The group of each image; images that resemble no other are groups of their own."""
    nearest_n = nearest_thumbnails(thumbnails_nd)
    named = _groups_by_names(samples, nearest_n) or _group_for_each_image(samples)
    return _join_duplicates(named, similar_thumbnail_pairs(thumbnails_nd, NEAR_DUPLICATE))


def _group_for_each_image(samples: Sequence[Sample]) -> tuple[str, ...]:
    """Ids, or paths where images of two splits have the same id."""
    ids = tuple(sample.id for sample in samples)
    return ids if len(set(ids)) == len(ids) else tuple(sample.image.as_posix() for sample in samples)


def _groups_by_names(samples: Sequence[Sample], nearest_n: NDArray[np.intp]) -> tuple[str, ...]:
    """The coarsest groups of names with which the pictures agree; empty if they agree with none.

    A part of the names that all images share says nothing, unless the images follow one another as frames do.
    """
    for labels in _candidate_groups(samples):
        groups = len(set(labels))
        if groups == 1 and _agrees_with_pictures(*_share_next_by_name(samples, nearest_n), len(samples)):
            return labels
        if 1 < groups < len(labels) and _agrees_with_pictures(
            *_share_in_same_group(labels, nearest_n), len(samples)
        ):
            return labels
    return ()


def _candidate_groups(samples: Sequence[Sample]) -> list[tuple[str, ...]]:
    """Groups by the beginnings of names, from the shortest; of names that are mere numbers, by folders."""
    stems = [_NUMBER.sub("", sample.image.stem) for sample in samples]
    if not any(stems):
        return [tuple(sample.image.parent.as_posix() for sample in samples)]
    parts = [[part for part in _PARTS.split(sample.image.stem) if part] for sample in samples]
    longest = max(map(len, parts))
    beginnings = [tuple("_".join(one[:length]) for one in parts) for length in range(1, longest)]
    return [*beginnings, tuple(stems)]


def _share_in_same_group(labels: Sequence[str], nearest_n: NDArray[np.intp]) -> tuple[float, float]:
    """The share of images whose nearest is in the same group, and that share by chance."""
    counts = np.array(list(Counter(labels).values()), dtype=np.float64)
    images = len(labels)
    met = float(np.mean([labels[image] == labels[other] for image, other in enumerate(nearest_n.tolist())]))
    return met, float((counts * (counts - 1)).sum() / (images * max(1, images - 1)))


def _share_next_by_name(samples: Sequence[Sample], nearest_n: NDArray[np.intp]) -> tuple[float, float]:
    """The same of images whose nearest is next to them in the order of their names."""
    images = len(samples)
    place_n = np.empty(images, np.intp)
    place_n[sorted(range(images), key=lambda image: _natural_sort_key(samples[image].image.stem))] = (
        np.arange(images)
    )
    met = float((np.abs(place_n[nearest_n] - place_n) <= NEXT).mean())
    return met, min(1.0, 2 * NEXT / max(1, images - 1))


def _agrees_with_pictures(met: float, by_chance: float, images: int) -> bool:
    if by_chance >= 1:
        return False
    error = (by_chance * (1 - by_chance) / images) ** 0.5
    return bool(met - by_chance >= max(AGREEMENT * (1 - by_chance), ERRORS * error))


def _natural_sort_key(name: str) -> list[tuple[int, str]]:
    """A sort key in which 10 comes after 9."""
    return [(int(part), "") if part.isdigit() else (-1, part) for part in re.split(r"(\d+)", name)]


def _join_duplicates(labels: Sequence[str], pairs: Iterable[tuple[int, int]]) -> tuple[str, ...]:
    """Groups that share near-duplicates become one, which has the name of the first."""
    name_of: dict[str, str] = {}

    def root(label: str) -> str:
        while label in name_of:
            label = name_of[label]
        return label

    for a, b in pairs:
        first, second = sorted((root(labels[a]), root(labels[b])))
        if first != second:
            name_of[second] = first
    return tuple(map(root, labels))
