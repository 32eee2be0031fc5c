"""The shares of the classes in the images that members were trained on."""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from seg.data import Split, open_split
from seg.labels.label_map import IGNORE_INDEX
from seg.spec import EnsembleSpec

SAMPLED: Final = 256
"""Images that are counted; shares need no more."""


@dataclass(frozen=True, slots=True)
class ClassPrior:
    """The share of each class, float64 `[C]`, and the split that it was counted in."""

    shares_c: NDArray[np.float64]
    split: str


def count_class_prior(spec: EnsembleSpec, val: Split) -> ClassPrior:
    """Count in the labels of the training images; in those of `val` if the dataset has no training images.

    Raises:
        DataError: labels cannot be read.
    """
    if spec.data.train and spec.data.train.labelled:
        return ClassPrior(_class_shares_of_split(open_split(spec.data, "train"), len(val.classes)), "train")
    return ClassPrior(_class_shares_of_split(val, len(val.classes)), "val")


def _class_shares_of_split(split: Split, classes: int) -> NDArray[np.float64]:
    """Shares, with one pixel more of each class, so that none is 0."""
    images = len(split.samples)
    chosen = np.unique(np.linspace(0, images - 1, min(images, SAMPLED)).round().astype(int))
    pixels_c = np.ones(classes)
    for index in chosen.tolist():
        labels = split.labels(index)
        pixels_c += np.bincount(labels[labels != IGNORE_INDEX], minlength=classes)[:classes]
    shares_c: NDArray[np.float64] = pixels_c / pixels_c.sum()
    return shares_c
