"""Class counts: the pixels of each class in each image of a split."""

import numpy as np
from numpy.typing import NDArray

from seg.labels.task import count_pixels
from seg.train.splits.decoded_split import DecodedSplit

CountsNC = NDArray[np.int64]
"""Pixel counts of C classes in N images."""


def count_classes(images: DecodedSplit) -> CountsNC:
    """Count over a whole split; raises DataError if labels cannot be read."""
    classes = len(images.classes)
    return np.array(
        [count_pixels(images.labels(index), images.task, classes) for index in range(len(images))]
    )
