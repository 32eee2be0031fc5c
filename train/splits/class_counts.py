"""Class counts: the pixels of each class in each image of a split."""

import numpy as np
from numpy.typing import NDArray

from seg.train.splits.training_images import TrainingImages

CountsNC = NDArray[np.int64]
"""Pixel counts of C classes in N images."""


def count_classes(images: TrainingImages) -> CountsNC:
    """Count over a whole split; raises DataError if labels cannot be read."""
    return np.array([images.count_labels(index) for index in range(len(images))])
