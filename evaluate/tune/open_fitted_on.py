"""The images that tuning fits on: those of validation, or the training images out of fold."""

from collections.abc import Sequence
from typing import Final, Literal

from seg.data import open_split
from seg.errors import DataError, SpecError
from seg.evaluate.cache.labelled_passes import LabelledPasses
from seg.evaluate.cache.mixture import Views
from seg.evaluate.cache.passes import open_cached_passes
from seg.evaluate.cache.store import ProbabilityCache
from seg.evaluate.tune.out_of_fold import open_out_of_fold
from seg.labels.task import classes_overlap
from seg.spec import EnsembleSpec
from seg.spec.dataset.dataset import SplitName
from seg.terminal.words import pluralise

MIN_IMAGES: Final = 4

FittedOn = Literal["val", "folds"]
"""The images that tuning fits on: those of validation, or the training images out of fold."""


def open_images_to_tune(spec: EnsembleSpec, on: FittedOn, cache: ProbabilityCache) -> LabelledPasses:
    """The passes of all members over these images; those that are not in the cache are computed.

    Raises:
        SpecError: there is nothing to select, or a member has no fold.
        DataError: the images have no labels or are too few, or a run does not tell what it held out.
        ModelError, MissingRuntimeError: a member cannot be run.
    """
    if on == "folds":
        passes = open_out_of_fold(spec, cache)
        _check_enough_to_tune(spec, "train", passes.images, passes.views)
        return passes
    spec = with_dropped_members(spec)
    split = open_split(spec.data, "val")
    _check_enough_to_tune(spec, "val", len(split.samples), [spec.views_of(member) for member in spec.members])
    return open_cached_passes(spec, split, cache)


def with_dropped_members(spec: EnsembleSpec) -> EnsembleSpec:
    """The spec with members that an earlier tuning gave weight 0, and without its stacking."""
    members = tuple(member.model_copy(update={"weight": member.weight or 1.0}) for member in spec.members)
    return spec.model_copy(update={"members": members, "stacking": None})


def _check_enough_to_tune(spec: EnsembleSpec, split: SplitName, images: int, views: Sequence[Views]) -> None:
    if sum(map(len, views)) == 1 and not classes_overlap(spec.data.task):
        raise SpecError("members: one member with one view leaves nothing to select: add members or views")
    if images < MIN_IMAGES:
        raise DataError(
            f"data.{split}: has {pluralise(images, 'image')}, too few to fit on some and score on others:"
            f" give it at least {MIN_IMAGES}"
        )
