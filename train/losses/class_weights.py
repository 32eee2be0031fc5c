"""Class weights of a loss: from the recipe, or balanced by the class counts of the training split."""

from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from seg.errors import SpecError
from seg.labels.classes import ClassInfo
from seg.labels.task import Task, classes_overlap
from seg.spec.base import did_you_mean
from seg.spec.recipe.losses import ClassWeights
from seg.spec.recipe.recipe import RecipeSpec
from seg.train.losses.ms_ssim import LEAST_SIDE
from seg.train.splits.class_counts import CountsNC, count_classes
from seg.train.splits.training_images import TrainingImages

WeightsC = NDArray[np.float32]
"""A weight for each of C classes."""

_DEFAULT_WEIGHT: Final = 1.0


def check_loss(recipe: RecipeSpec, task: Task, classes: Sequence[ClassInfo]) -> None:
    """Raises SpecError if class weights name other classes, or a loss does not suit the task or the crop."""
    for loss in recipe.loss.losses.values():
        if not isinstance(loss.class_weights, str | None):
            _check_class_weights(f"{loss.place}: class_weights", loss.class_weights, classes)
    if not classes_overlap(task):
        for name, parameter in recipe.loss.for_overlapping:
            raise SpecError(
                f"loss: {name}: {parameter!r} is for classes that overlap, and the dataset's task is {task}:"
                " remove it"
            )
    if recipe.loss.ms_ssim and min(recipe.crop) < LEAST_SIDE:
        raise SpecError(
            f"loss: ms_ssim: needs a crop of at least {LEAST_SIDE} pixels, got {min(recipe.crop)}"
        )


def class_weights(spec: ClassWeights | None, images: TrainingImages) -> WeightsC:
    """The weights for the classes of the training split.

    Raises:
        DataError: labels that must be counted cannot be read.
    """
    names = [c.name for c in images.classes]
    if spec is None:
        return np.ones(len(names), np.float32)
    if spec == "balanced":
        return median_frequency_weights(count_classes(images))
    if isinstance(spec, Mapping):
        return np.array([spec.get(name, _DEFAULT_WEIGHT) for name in names], np.float32)
    return np.array(spec, np.float32)


def median_frequency_weights(counts_nc: CountsNC) -> WeightsC:
    """Median frequency balancing: the median class frequency over each class's own; 1 for an absent class.

    The frequency of a class is its share of the labelled pixels of the images that contain it. Source: Eigen
    and Fergus, "Predicting Depth, Surface Normals and Semantic Labels", 2015.
    """
    pixels_n = counts_nc.sum(1)
    pixels_c, around_c = counts_nc.sum(0), pixels_n @ (counts_nc > 0)
    shown = pixels_c > 0
    weights = np.full(len(pixels_c), _DEFAULT_WEIGHT, np.float32)
    if shown.any():
        frequencies = pixels_c[shown] / around_c[shown]
        weights[shown] = np.median(frequencies) / frequencies
    return weights


def _check_class_weights(
    place: str, spec: Mapping[str, float] | Sequence[float], classes: Sequence[ClassInfo]
) -> None:
    names = [c.name for c in classes]
    if not isinstance(spec, Mapping):
        if len(spec) != len(names):
            raise SpecError(f"{place}: has {len(spec)} weights for {len(names)} classes: {', '.join(names)}")
        return
    for name in spec:
        if name not in names:
            raise SpecError(f"{place}: there is no class {name!r}: {did_you_mean(name, names)}")
