"""The images that crops are drawn from: decoded and kept in memory, or read from files around a place."""

import math
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from seg.data import Split
from seg.data.images.read_sample import size_if_by_region
from seg.data.regions.region import Size
from seg.errors import DataError, SpecError
from seg.labels.classes import ClassInfo
from seg.labels.soft_labels import SoftLabels
from seg.labels.task import Task
from seg.spec.recipe.recipe import RecipeSpec
from seg.train.splits.decoded_split import DecodedSplit, Pair
from seg.train.splits.drawable_split import Scale
from seg.train.splits.windowed_split import WindowedSplit


class TrainingImages(Protocol):
    """Images with label maps, by index."""

    def __len__(self) -> int: ...

    @property
    def task(self) -> Task: ...

    @property
    def classes(self) -> tuple[ClassInfo, ...]: ...

    def read_drawn(self, index: int, centre: Size | None) -> Pair:
        """The pixels and labels that a crop is cut from: a whole image, or what is around a pixel of it."""
        ...

    def count_labels(self, index: int) -> NDArray[np.int64]:
        """The pixels of each class in an image, int64 `[C]`."""
        ...


def open_training_images(
    recipe: RecipeSpec,
    split: Split,
    soft_labels: SoftLabels | None = None,
    scale: Scale | None = None,
) -> DecodedSplit | WindowedSplit:
    """The images of a split as the recipe draws crops from them; those of bands are brought to 0..1.

    Raises:
        DataError: an image is too large to be decoded whole.
        SpecError: soft labels are of whole images, and the recipe draws crops.
    """
    if recipe.samples is not None:
        if soft_labels:
            raise SpecError("'samples' draws crops, and soft labels are of whole images: remove 'samples'")
        return WindowedSplit(split, training_window_of(recipe), scale)
    for sample in split.samples:
        if large_hw := size_if_by_region(sample):
            crops = max(1, math.prod(large_hw) // math.prod(recipe.crop))
            raise DataError(
                f"{sample.image}: has {large_hw[1]}x{large_hw[0]} pixels, too many to be trained on whole:"
                f" say how many crops an epoch draws, such as 'samples: {crops}' in the recipe"
            )
    return DecodedSplit(split, recipe.input.size, soft_labels, scale)


def training_window_of(recipe: RecipeSpec) -> Size:
    """Height and width of what a crop is cut from, also at the smallest scale and turned."""
    height, width = (math.ceil(side / recipe.scale[0]) + 1 for side in recipe.crop)
    if recipe.train_views in {"rot90", "d4"}:
        return max(height, width), max(height, width)
    return height, width
