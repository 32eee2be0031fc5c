"""Masks of one class or of one object each: several families of masks, or several files, of an image."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from seg.data.guess.masks.pair_names import MaskFamily
from seg.data.masks.mask_values import read_mask_values
from seg.errors import DataError


def class_of_family(families: Sequence[MaskFamily]) -> dict[str, MaskFamily]:
    """Families that differ in one folder or word, a class's name, and have two values and other pixels.

    Empty if these are not at least two.
    """
    named: dict[str, MaskFamily] = {}
    for family in families:
        if (name := _differing(families[0], family)) and _has_two_values(family):
            named[name] = family
    if len(named) < 2:
        return {}
    image = next(iter(families[0].pairs))
    drawn = [read_mask_values(family.pairs[image]) for family in named.values() if image in family.pairs]
    same = any(np.array_equal(first > 0, second > 0) for n, first in enumerate(drawn) for second in drawn[:n])
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


def _differing(first: MaskFamily, family: MaskFamily) -> str:
    """The one part of the family's role that the others do not have; of the first, that part too."""
    pattern, other = first.pattern, family.pattern
    if pattern is None or other is None or pattern.suffix != other.suffix:
        return ""
    parts = (*pattern.folders, pattern.after[1]), (*other.folders, other.after[1])
    if len(parts[0]) != len(parts[1]):
        return ""
    differing = [new for old, new in zip(*parts, strict=True) if old != new]
    if family is first:
        return (parts[0][-1] or parts[0][-2]).strip("_-. ")
    return differing[0].strip("_-. ") if len(differing) == 1 else ""


def _has_two_values(family: MaskFamily) -> bool:
    try:
        values = read_mask_values(next(iter(family.pairs.values())), lossy=True)
    except DataError:
        return False
    return values.ndim == 2 and len(np.unique(values)) <= 2
