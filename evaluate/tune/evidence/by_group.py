"""Scores of groups of images, and the standard error of a difference across groups."""

from typing import Final, Literal

import numpy as np

from seg.data.groups import jackknife_error
from seg.evaluate.metrics.groups import GroupI, sum_by_group
from seg.evaluate.tune.scorer import CountsICC, miou

Criterion = Literal["mean", "worst-group"]
"""What is tuned for: the mIoU of all images, or that of the group with the lowest."""

MOST_FOLDS: Final = 8
BLOCKS: Final = 4


def fold_groups(group_i: GroupI, most: int = MOST_FOLDS) -> GroupI:
    """The fold of each image: whole groups, the largest first, each to the fold with the fewest images."""
    images_g = np.bincount(group_i)
    shuffled = np.random.default_rng(0).permutation(len(images_g))
    images_f = np.zeros(min(most, len(images_g)), np.intp)
    fold_g = np.empty(len(images_g), np.intp)
    for group in shuffled[np.argsort(-images_g[shuffled], kind="stable")]:
        fold_g[group] = images_f.argmin()
        images_f[fold_g[group]] += images_g[group]
    return fold_g[group_i]


def blocks(images: int) -> GroupI:
    """Four blocks of images that follow one another."""
    return np.arange(images) * BLOCKS // images


def score(counts_icc: CountsICC, group_i: GroupI, criterion: Criterion) -> float:
    """mIoU of all images, or of the group with the lowest."""
    return miou(counts_icc) if criterion == "mean" else worst_group(counts_icc, group_i)


def worst_group(counts_icc: CountsICC, group_i: GroupI) -> float:
    """The lowest mIoU of a group."""
    return min(miou(counts_gcc[None]) for counts_gcc in sum_by_group(counts_icc, group_i))


def error_of_gain(
    first_icc: CountsICC, second_icc: CountsICC, group_i: GroupI, criterion: Criterion = "mean"
) -> float:
    """The standard error of the difference of two scores on the same images, across groups.

    Infinite for a single group.
    """
    first_gcc, second_gcc = sum_by_group(first_icc, group_i), sum_by_group(second_icc, group_i)
    groups = len(first_gcc)
    if groups < 2:
        return float("inf")
    others = np.arange(groups - 1)
    return jackknife_error(
        [
            score(np.delete(first_gcc, group, axis=0), others, criterion)
            - score(np.delete(second_gcc, group, axis=0), others, criterion)
            for group in range(groups)
        ]
    )
