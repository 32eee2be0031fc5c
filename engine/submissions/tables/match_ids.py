"""Matching of image ids that differ by a suffix, a folder, as `plain_name` says, or are parts of a path."""

import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Final

from seg.data import Sample
from seg.data.pairing.plain_names import plain_name
from seg.files.image_suffixes import IMAGE_SUFFIXES

_SEPARATOR: Final = re.compile(r"[/_\- ]+")


def match_ids(theirs: Iterable[str], ours: Iterable[str]) -> dict[str, str]:
    """Our id for each of theirs: the same, or else the only one left that differs by its suffix alone, then
    by its folder, and then by leading zeros, letter case or Unicode form. Ambiguous ids stay unmatched.
    """
    match: dict[str, str] = {}
    left_theirs, left_ours = dict.fromkeys(theirs), dict.fromkeys(ours)
    for normalise in (_unchanged_id, *_NORMALISERS):
        their_keys, our_keys = _ids_by_key(left_theirs, normalise), _ids_by_key(left_ours, normalise)
        for key, (one, *more) in their_keys.items():
            other, *others = our_keys.get(key, [None])
            if other is not None and not more and not others:
                match[one] = other
                del left_theirs[one], left_ours[other]
    return match


def match_ids_to_images(theirs: Iterable[str], samples: Sequence[Sample]) -> dict[str, str]:
    """The image of each of their ids, by `match_ids` with the images' ids, then with their paths, and then by
    parts of paths: `case30_day0_slice_0001` is `case30/case30_day0/scans/slice_0001_80_96.png`.
    """
    match: dict[str, str] = {}
    left = list(dict.fromkeys(theirs))
    for matching in (_match_by_id, _match_by_path, _match_by_parts):
        matched = set(match.values())
        match |= matching(left, [sample for sample in samples if sample.id not in matched])
        left = [name for name in left if name not in match]
        if not left:
            break
    return match


def _match_by_id(theirs: Sequence[str], samples: Sequence[Sample]) -> dict[str, str]:
    return match_ids(theirs, [sample.id for sample in samples])


def _match_by_path(theirs: Sequence[str], samples: Sequence[Sample]) -> dict[str, str]:
    id_of = {sample.file_name: sample.id for sample in samples if sample.file_name}
    return {name: id_of[path] for name, path in match_ids(theirs, id_of).items()}


def _match_by_parts(theirs: Sequence[str], samples: Sequence[Sample]) -> dict[str, str]:
    """Matches where the parts of an id are among those of exactly one path, in the same order."""
    parts = {sample.id: _parts_of_id(sample.file_name) for sample in samples}
    images_with: dict[str, list[str]] = defaultdict(list)
    for image_id, found in parts.items():
        for part in dict.fromkeys(found):
            images_with[part].append(image_id)
    match: dict[str, str] = {}
    for name in theirs:
        wanted = _parts_of_id(name)
        rarest = min((images_with[part] for part in wanted), key=len, default=[])
        fitting = [image_id for image_id in rarest if _are_parts_in_order(wanted, parts[image_id])]
        if len(fitting) == 1:
            match[name] = fitting[0]
    counts = Counter(match.values())
    return {name: image_id for name, image_id in match.items() if counts[image_id] == 1}


def _parts_of_id(name: str) -> list[str]:
    return [part for part in _SEPARATOR.split(_id_without_suffix(name)) if part]


def _are_parts_in_order(wanted: Sequence[str], parts: Sequence[str]) -> bool:
    rest = iter(parts)
    return all(part in rest for part in wanted)


def _ids_by_key(ids: Iterable[str], normalise: Callable[[str], str]) -> Mapping[str, Sequence[str]]:
    found: dict[str, list[str]] = defaultdict(list)
    for image_id in ids:
        found[normalise(image_id)].append(image_id)
    return found


def _unchanged_id(image_id: str) -> str:
    return image_id


def _id_without_suffix(image_id: str) -> str:
    stem, dot, ending = image_id.rpartition(".")
    is_suffix = f"{dot}{ending}".lower() in IMAGE_SUFFIXES and stem and not stem.endswith("/")
    return stem if is_suffix else image_id


def _base_name_of_id(image_id: str) -> str:
    return _id_without_suffix(image_id).rpartition("/")[2]


def _plain_base_name(image_id: str) -> str:
    return plain_name(_base_name_of_id(image_id))


_NORMALISERS: Final = (_id_without_suffix, _base_name_of_id, _plain_base_name)
