"""Matching of image ids that differ by a suffix, a folder or leading zeros."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from pathlib import PurePosixPath
from typing import Final

from seg.data.image_files import IMAGE_SUFFIXES

Split = Callable[[str], tuple[str, str]]
"""Splits a row's id into those of its image and class."""


def match_ids(theirs: Iterable[str], ours: Iterable[str], split: Split) -> dict[str, str]:
    """Our id for each of theirs: the same, or else the only one left that differs by its suffix alone, then
    by its folder, and then by leading zeros of a number. Ambiguous ids stay unmatched.
    """
    match: dict[str, str] = {}
    left_theirs, left_ours = dict.fromkeys(theirs), dict.fromkeys(ours)
    for normalise in (_unchanged, *_NORMALISERS):
        their_keys, our_keys = _by_key(left_theirs, split, normalise), _by_key(left_ours, split, normalise)
        for key, (one, *more) in their_keys.items():
            other, *others = our_keys.get(key, [None])
            if other is not None and not more and not others:
                match[one] = other
                del left_theirs[one], left_ours[other]
    return match


def _by_key(
    ids: Iterable[str], split: Split, normalise: Callable[[str], str]
) -> dict[tuple[str, str], Sequence[str]]:
    found: dict[tuple[str, str], list[str]] = defaultdict(list)
    for row_id in ids:
        image_id, class_id = split(row_id)
        found[normalise(image_id), class_id].append(row_id)
    return dict(found)


def _unchanged(image_id: str) -> str:
    return image_id


def _without_suffix(image_id: str) -> str:
    ending = PurePosixPath(image_id).suffix
    return image_id.removesuffix(ending) if ending.lower() in IMAGE_SUFFIXES else image_id


def _base_name(image_id: str) -> str:
    return _without_suffix(image_id).rpartition("/")[2]


def _without_zeros(image_id: str) -> str:
    name = _base_name(image_id)
    return name.lstrip("0") or "0" if name.isascii() and name.isdigit() else name


_NORMALISERS: Final = (_without_suffix, _base_name, _without_zeros)
