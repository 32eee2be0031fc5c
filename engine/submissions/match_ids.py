"""Ids that mean the same image, though one has an ending, a folder or zeros that the other lacks."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from pathlib import PurePosixPath
from typing import Final

from seg.data.image_files import IMAGE_SUFFIXES

Split = Callable[[str], tuple[str, str]]
"""From a row's id to those of its image and class."""


def match_ids(theirs: Iterable[str], ours: Iterable[str], split: Split) -> dict[str, str]:
    """Which of ours each of theirs is: the same, or else the only one left that differs by its ending alone,
    then by its folder, and then by zeros in front of a number. What could be two stays without a match.
    """
    match: dict[str, str] = {}
    left_theirs, left_ours = dict.fromkeys(theirs), dict.fromkeys(ours)
    for forget in (_nothing, *_FORGOTTEN):
        their_keys, our_keys = _by_key(left_theirs, split, forget), _by_key(left_ours, split, forget)
        for key, (one, *more) in their_keys.items():
            other, *others = our_keys.get(key, [None])
            if other is not None and not more and not others:
                match[one] = other
                del left_theirs[one], left_ours[other]
    return match


def _by_key(
    ids: Iterable[str], split: Split, forget: Callable[[str], str]
) -> dict[tuple[str, str], Sequence[str]]:
    found: dict[tuple[str, str], list[str]] = defaultdict(list)
    for row_id in ids:
        image_id, class_id = split(row_id)
        found[forget(image_id), class_id].append(row_id)
    return dict(found)


def _nothing(image_id: str) -> str:
    return image_id


def _ending(image_id: str) -> str:
    ending = PurePosixPath(image_id).suffix
    return image_id.removesuffix(ending) if ending.lower() in IMAGE_SUFFIXES else image_id


def _folder(image_id: str) -> str:
    return _ending(image_id).rpartition("/")[2]


def _zeros(image_id: str) -> str:
    name = _folder(image_id)
    return name.lstrip("0") or "0" if name.isascii() and name.isdigit() else name


_FORGOTTEN: Final = (_ending, _folder, _zeros)
