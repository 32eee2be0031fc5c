"""Cross-validation folds, stratified by class and grouped: the images of a group are in one fold."""

import re

import numpy as np

from seg.data import Split
from seg.data.division.stratify import assign_parts
from seg.data.subset_split import Subset
from seg.errors import DataError, SpecError
from seg.spec.folds import FoldsSpec
from seg.train.splits.class_counts import count_classes
from seg.train.splits.decoded_split import DecodedSplit


def split_by_fold(train: Split, folds: FoldsSpec, fold: int) -> tuple[Subset, Subset]:
    """The training images of all other folds, and those of `fold`, which are held out.

    Raises:
        SpecError: an image has no group.
        DataError: there are fewer groups than folds, or labels cannot be read.
    """
    groups = [_group_name(sample.id, folds.group) for sample in train.samples]
    if len(set(groups)) < folds.count:
        raise DataError(
            f"the training images form {len(set(groups))} groups, too few for {folds.count} folds:"
            " lower the number of folds"
        )
    fold_n = assign_parts(count_classes(DecodedSplit(train)) > 0, groups, [1] * folds.count, folds.seed)
    return (
        Subset(train, np.flatnonzero(fold_n != fold).tolist()),
        Subset(train, np.flatnonzero(fold_n == fold).tolist()),
    )


def _group_name(image: str, group: str | None) -> str:
    if group is None:
        return image
    found = re.search(group, image)
    if found is None:
        raise SpecError(f"folds: group: {group!r} does not match image {image!r}: it must match every id")
    return next((part for part in found.groups() if part is not None), found.group())
