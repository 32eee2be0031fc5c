"""Parts of images, stratified by class and grouped: the images of a group are in one part."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

PartN = NDArray[np.int64]
"""The part of each of N images."""


def assign_parts(
    has_nc: NDArray[np.bool_], groups: Sequence[str], sizes: Sequence[float], seed: int
) -> PartN:
    """Assign images to parts so that each part has its share of the images of each class.

    The rarest class is assigned first, its groups by size, each to the part that lacks most images of it.

    Args:
        has_nc: which of C classes are in each of N images.
        groups: the group of each image; there are at least as many groups as parts.
        sizes: the sizes of the parts, in any unit.

    Source: Sechidis, Tsoumakas and Vlahavas, "On the Stratification of Multi-Label Data", 2011, algorithm 1,
    with groups in place of examples.
    """
    names, group_n = np.unique(np.asarray(groups), return_inverse=True)
    # The last column counts the image itself, whatever classes it has.
    shows_nc = np.column_stack([has_nc, np.ones(len(has_nc), np.bool_)])
    images_gc = np.zeros((len(names), shows_nc.shape[1]), np.int64)
    np.add.at(images_gc, group_n, shows_nc)
    wanted_pc = np.array([images_gc.sum(0) * size / sum(sizes) for size in sizes])
    random = np.random.default_rng(seed)
    part_g = np.full(len(names), -1)
    while (part_g < 0).any():
        left = part_g < 0
        label = _rarest_class(images_gc[left].sum(0))
        candidates = np.flatnonzero(left & (images_gc[:, label] > 0))
        random.shuffle(candidates)
        group = max(candidates, key=lambda g: images_gc[g, label])
        part = _part_lacking_most(wanted_pc, part_g, int(left.sum()), label)
        part_g[group] = part
        wanted_pc[part] -= images_gc[group]
    return np.asarray(part_g[group_n], dtype=np.int64)


def _rarest_class(images_c: NDArray[np.int64]) -> int:
    """The class with the fewest images left; the column of all images comes last."""
    met = np.flatnonzero(images_c[:-1])
    return int(met[images_c[met].argmin()]) if len(met) else len(images_c) - 1


def _part_lacking_most(
    wanted_pc: NDArray[np.float64], part_g: NDArray[np.int64], left: int, label: int
) -> int:
    """The part that lacks most images of a class, then most images; empty parts first if they must be."""
    count = len(wanted_pc)
    empty = sorted(set(range(count)) - set(part_g.tolist()))
    parts = empty if len(empty) >= left else range(count)
    return max(parts, key=lambda part: (wanted_pc[part, label], wanted_pc[part, -1], -part))
