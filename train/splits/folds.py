"""Cross-validation folds, stratified by class and grouped: the images of a group are in one fold."""

import numpy as np

from seg.data import Split
from seg.data.division.stratify import assign_parts
from seg.data.groups import group_images, groups_by_pattern
from seg.data.splits.subset_split import SubsetSplit
from seg.errors import DataError
from seg.spec.dataset.folds import FoldsSpec
from seg.spec.dataset.groups import GroupSpec
from seg.terminal.notices import notice
from seg.train.splits.class_counts import count_classes
from seg.train.splits.decoded_split import DecodedSplit


def split_by_fold(
    train: Split, folds: FoldsSpec, fold: int, group: GroupSpec | None = None
) -> tuple[SubsetSplit, SubsetSplit]:
    """The training images of all other folds, and those of `fold`, which are held out.

    `group` is the dataset's. It counts where the folds have no pattern of their own.

    Raises:
        SpecError: an image has no group.
        DataError: there are fewer groups than folds, or labels cannot be read.
    """
    groups = _groups_of_folds(train, folds, group)
    if len(set(groups)) < folds.count:
        raise DataError(
            f"the training images form {len(set(groups))} groups, too few for {folds.count} folds:"
            " lower the number of folds"
        )
    fold_n = assign_parts(count_classes(DecodedSplit(train)) > 0, groups, [1] * folds.count, folds.seed)
    return (
        SubsetSplit(train, np.flatnonzero(fold_n != fold).tolist()),
        SubsetSplit(train, np.flatnonzero(fold_n == fold).tolist()),
    )


def _groups_of_folds(train: Split, folds: FoldsSpec, group: GroupSpec | None) -> tuple[str, ...]:
    """The group of each image: by the pattern of the folds, or those of the dataset."""
    if folds.group is not None:
        return groups_by_pattern([sample.id for sample in train.samples], folds.group, "folds: group")
    groups = group_images(train.samples, group)
    if groups.source == "found" and groups.count < folds.count:
        notice(
            f"folds: {groups}, too few for {folds.count} folds: images of a group are in several folds, so"
            " scores are too high; say 'group' in the dataset if they are independent"
        )
        return tuple(sample.id for sample in train.samples)
    return groups.labels
