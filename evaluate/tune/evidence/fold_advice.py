"""When it would pay to tune on folds: the training images have more groups than those of validation."""

from typing import Final

from seg.data import open_split
from seg.data.groups import Groups, group_images
from seg.evaluate.tune.evidence.choose_departure import ENOUGH_GROUPS
from seg.evaluate.tune.open_fitted_on import FittedOn
from seg.spec import EnsembleSpec

FOLDS: Final = 5
"""Folds that are advised, if there are as many groups."""

MOST_READ: Final = 5000
"""Training images that are read to find their groups; of more, none are."""


def advise_folds(spec: EnsembleSpec, on: FittedOn, fitted: Groups) -> str:
    """How to fit on more groups than those of the images fitted on, if these are few; else an empty line.

    Raises:
        SpecError: a training image has no group.
        DataError: a training image cannot be read.
    """
    train = spec.data.train
    has_enough = on == "folds" or fitted.count >= ENOUGH_GROUPS
    if has_enough or train is None or not train.labelled or not any(m.has_recipe for m in spec.running):
        return ""
    samples = open_split(spec.data, "train").samples
    if spec.data.group is None and len(samples) > MOST_READ:
        return ""
    groups = group_images(samples, spec.data.group)
    if groups.count <= fitted.count:
        return ""
    if all(member.fold is not None for member in spec.running):
        return f"more groups: seg tune --on folds fits on the training images: {groups}"
    folds = f"folds: {{ count: {min(FOLDS, groups.count)} }}"
    return (
        f"more groups: members trained in folds ({folds}, and a member for each fold) let seg tune --on folds"
        f" fit on the training images: {groups}"
    )
