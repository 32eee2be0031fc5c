"""Cross-validation folds, stratified by class and grouped: the images of a group are in one fold."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from seg.data import Split
from seg.data.groups import group_images, match_group
from seg.data.subset_split import Subset
from seg.errors import DataError, SpecError
from seg.notices import notice
from seg.spec.folds import FoldsSpec
from seg.spec.groups import GroupSpec
from seg.train.splits.class_counts import count_classes
from seg.train.splits.decoded_split import DecodedSplit

FoldN = NDArray[np.int64]
"""The fold of each of N images."""


def split_by_fold(
    train: Split, folds: FoldsSpec, fold: int, group: GroupSpec | None = None
) -> tuple[Subset, Subset]:
    """The training images of all other folds, and those of `fold`, which are held out.

    `group` is the dataset's. It counts where the folds have no pattern of their own.

    Raises:
        SpecError: an image has no group.
        DataError: there are fewer groups than folds, or labels cannot be read.
    """
    groups = _groups(train, folds, group)
    if len(set(groups)) < folds.count:
        raise DataError(
            f"the training images form {len(set(groups))} groups, too few for {folds.count} folds:"
            " lower the number of folds"
        )
    fold_n = assign_folds(count_classes(DecodedSplit(train)) > 0, groups, folds.count, folds.seed)
    return (
        Subset(train, np.flatnonzero(fold_n != fold).tolist()),
        Subset(train, np.flatnonzero(fold_n == fold).tolist()),
    )


def assign_folds(has_nc: NDArray[np.bool_], groups: Sequence[str], count: int, seed: int) -> FoldN:
    """Assign images to folds so that each fold has its share of the images of each class.

    The rarest class is assigned first, its groups by size, each to the fold that lacks most images of it.

    Args:
        has_nc: which of C classes are in each of N images.
        groups: the group of each image; there are at least `count` groups.

    Source: Sechidis, Tsoumakas and Vlahavas, "On the Stratification of Multi-Label Data", 2011, algorithm 1,
    with groups in place of examples.
    """
    names, group_n = np.unique(np.asarray(groups), return_inverse=True)
    # The last column counts the image itself, whatever classes it has.
    shows_nc = np.column_stack([has_nc, np.ones(len(has_nc), np.bool_)])
    images_gc = np.zeros((len(names), shows_nc.shape[1]), np.int64)
    np.add.at(images_gc, group_n, shows_nc)
    wanted_fc = np.tile(images_gc.sum(0) / count, (count, 1))
    random = np.random.default_rng(seed)
    fold_g = np.full(len(names), -1)
    while (fold_g < 0).any():
        left = fold_g < 0
        label = _rarest_class(images_gc[left].sum(0))
        candidates = np.flatnonzero(left & (images_gc[:, label] > 0))
        random.shuffle(candidates)
        group = max(candidates, key=lambda g: images_gc[g, label])
        fold = _fold_lacking_most(wanted_fc, fold_g, int(left.sum()), label)
        fold_g[group] = fold
        wanted_fc[fold] -= images_gc[group]
    return np.asarray(fold_g[group_n], dtype=np.int64)


def _rarest_class(images_c: NDArray[np.int64]) -> int:
    """The class with the fewest images left; the column of all images comes last."""
    met = np.flatnonzero(images_c[:-1])
    return int(met[images_c[met].argmin()]) if len(met) else len(images_c) - 1


def _fold_lacking_most(
    wanted_fc: NDArray[np.float64], fold_g: NDArray[np.int64], left: int, label: int
) -> int:
    """The fold that lacks most images of a class, then most images; empty folds first if they must be."""
    count = len(wanted_fc)
    empty = sorted(set(range(count)) - set(fold_g.tolist()))
    folds = empty if len(empty) >= left else range(count)
    return max(folds, key=lambda fold: (wanted_fc[fold, label], wanted_fc[fold, -1], -fold))


def _groups(train: Split, folds: FoldsSpec, group: GroupSpec | None) -> tuple[str, ...]:
    """The group of each image: by the pattern of the folds, or those of the dataset."""
    if folds.group is not None:
        return tuple(_group_name(sample.id, folds.group) for sample in train.samples)
    groups = group_images(train.samples, group)
    if groups.source == "found" and groups.count < folds.count:
        notice(
            f"folds: {groups}, too few for {folds.count} folds: images of a group are in several folds, so"
            " scores are too high; say 'group' in the dataset if they are independent"
        )
        return tuple(sample.id for sample in train.samples)
    return groups.labels


def _group_name(image: str, pattern: str) -> str:
    found = match_group(image, pattern)
    if found is None:
        raise SpecError(f"folds: group: {pattern!r} does not match image {image!r}: it must match every id")
    return found
