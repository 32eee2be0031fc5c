"""Scores of groups of images, and the standard error of a difference across groups."""

from typing import Final, Literal

import numpy as np

from seg.data.groups import jackknife_error
from seg.evaluate.metrics.groups import GroupI
from seg.metrics.image_tallies import ImageTallies

Criterion = Literal["mean", "worst-group"]
"""What is tuned for: the score of all images, or that of the group with the lowest."""

MOST_FOLDS: Final = 8
BLOCKS: Final = 4


def folds_of_groups(group_i: GroupI, most: int = MOST_FOLDS) -> GroupI:
    """The fold of each image: whole groups, the largest first, each to the fold with the fewest images."""
    images_g = np.bincount(group_i)
    shuffled = np.random.default_rng(0).permutation(len(images_g))
    images_f = np.zeros(min(most, len(images_g)), np.intp)
    fold_g = np.empty(len(images_g), np.intp)
    for group in shuffled[np.argsort(-images_g[shuffled], kind="stable")]:
        fold_g[group] = images_f.argmin()
        images_f[fold_g[group]] += images_g[group]
    return fold_g[group_i]


def blocks_of_images(images: int) -> GroupI:
    """Four blocks of images that follow one another."""
    return np.arange(images) * BLOCKS // images


def score_by_criterion(judged: ImageTallies, group_i: GroupI, criterion: Criterion) -> float:
    """The score of all images, or of the group with the lowest."""
    return judged.score if criterion == "mean" else score_of_worst_group(judged, group_i)


def score_of_worst_group(judged: ImageTallies, group_i: GroupI) -> float:
    """The lowest score of a group that has anything to judge."""
    scores_g = judged.by_group(group_i).image_scores
    return float(np.nanmin(scores_g)) if np.isfinite(scores_g).any() else float("nan")


def gain_error_across_groups(
    first: ImageTallies, second: ImageTallies, group_i: GroupI, criterion: Criterion = "mean"
) -> float:
    """The standard error of the difference of two scores on the same images, across groups.

    Infinite for a single group.
    """
    first_g, second_g = first.by_group(group_i), second.by_group(group_i)
    groups = int(group_i.max()) + 1
    if groups < 2:
        return float("inf")
    others = np.arange(groups - 1)
    return jackknife_error(
        [
            score_by_criterion(first_g.without(group), others, criterion)
            - score_by_criterion(second_g.without(group), others, criterion)
            for group in range(groups)
        ]
    )
