"""Masks of one class or of one object each: several families of masks, or several files, of an image."""

import hashlib
import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

import numpy as np

from seg.data.guess.masks.pair_names import MaskFamily
from seg.data.guess.masks.roles import means_mask
from seg.data.masks.binary_threshold import find_binary_threshold
from seg.data.masks.mask_values import read_mask_values
from seg.errors import DataError

_COMPARED: Final = 8
_NUMBER: Final = re.compile(r"^\d+[. _-]+(?=[A-Za-z])")


def class_of_family(families: Sequence[MaskFamily]) -> dict[str, MaskFamily]:
    """Families that differ in a folder, a word or both, a class's name, and have two values and other pixels.

    Empty if these are not at least two.
    """
    named = _named_by_difference([family for family in families if _has_two_values(family)])
    if len(named) < 2 or any(means_mask(name) for name in named):
        return {}
    pixels = [_digests_of_masks(family) for family in named.values()]
    same = any(_masks_agree(first, second) for n, first in enumerate(pixels) for second in pixels[:n])
    return {} if same else named


def masks_of_objects(images: Sequence[Path], masks: Sequence[Path]) -> dict[Path, list[Path]] | None:
    """The masks in a folder beside the only image of another folder: one for each object.

    As in `0a7d/images/0a7d.png` and `0a7d/masks/*.png`. None if that is not how most images have masks.
    """
    in_folder: Mapping[Path, list[Path]] = defaultdict(list)
    for mask in masks:
        in_folder[mask.parent.parent].append(mask)
    found = {image: in_folder[image.parent.parent] for image in images if image.parent.parent in in_folder}
    is_alone = len({image.parent for image in images}) == len(images)
    return found if is_alone and len(images) > 1 and len(found) * 2 >= len(images) else None


def _named_by_difference(families: Sequence[MaskFamily]) -> dict[str, MaskFamily]:
    """Families by the folder, or else the word, in which they differ from the first one; of most of them."""
    if not families:
        return {}
    first = _parts_of_family(families[0])
    alike: dict[tuple[int, ...], list[MaskFamily]] = defaultdict(list)
    for family in families[1:]:
        parts = _parts_of_family(family)
        if len(parts) == len(first) and parts[-1] == first[-1]:
            alike[tuple(n for n, (a, b) in enumerate(zip(first, parts, strict=True)) if a != b)].append(
                family
            )
    word = len(first) - 2
    places = max(alike, key=lambda places: len(alike[places]), default=())
    if not places or len([place for place in places if place != word]) > 1:
        return {}
    found = (families[0], *alike[places])
    names = _without_common_end(
        [_class_name_of_mask_part(_parts_of_family(family)[places[0]]) for family in found]
    )
    return dict(zip(names, found, strict=True))


def _parts_of_family(family: MaskFamily) -> tuple[str, ...]:
    """The folders of its masks, what their names add to those of images, and their ending."""
    pattern = family.pattern
    return (*pattern.folders, pattern.after[1], pattern.suffix) if pattern else ()


def _without_common_end(names: Sequence[str]) -> list[str]:
    """`car_mask` and `road_mask` are `car` and `road`."""
    words = [name.split("_") for name in names]
    while all(len(own) > 1 and own[-1] == words[0][-1] for own in words):
        words = [own[:-1] for own in words]
    return ["_".join(own) for own in words]


def _class_name_of_mask_part(part: str) -> str:
    """`_scratch` is `scratch`, and `3. Hard Exudates` is `Hard Exudates`."""
    return _NUMBER.sub("", part).strip("_-. ") or part


def _has_two_values(family: MaskFamily) -> bool:
    """Whether a mask is binary, by its values."""
    try:
        values = read_mask_values(next(iter(family.pairs.values())), lossy=True)
    except DataError:
        return False
    return values.ndim == 2 and find_binary_threshold(lambda: [values]) is not None


def _digests_of_masks(family: MaskFamily) -> dict[Path, bytes]:
    """A digest of the object's pixels, those above half of the highest value, in the masks of some images."""
    digests = {}
    for image, mask in list(family.pairs.items())[:_COMPARED]:
        values = read_mask_values(mask, lossy=True)
        digests[image] = hashlib.sha256(np.packbits(values > values.max() / 2).tobytes()).digest()
    return digests


def _masks_agree(first: Mapping[Path, bytes], second: Mapping[Path, bytes]) -> bool:
    """Whether masks are the same in all images that have both."""
    images = first.keys() & second.keys()
    return bool(images) and all(first[image] == second[image] for image in images)


def is_jpeg_name(path: Path) -> bool:
    """By its ending."""
    return path.suffix.lower() in {".jpg", ".jpeg"}
