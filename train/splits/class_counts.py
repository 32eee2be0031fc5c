"""How many pixels of each class the training images have."""

import numpy as np
from numpy.typing import NDArray

from seg.train.splits.decoded_split import DecodedSplit

CountsNC = NDArray[np.int64]
"""Pixels of each of C classes in each of N images."""


def count_classes(images: DecodedSplit) -> CountsNC:
    """Count over a whole split; raises DataError if labels cannot be read."""
    classes = len(images.classes)
    return np.array(
        [
            np.bincount(images.labels(index).ravel(), minlength=classes)[:classes]
            for index in range(len(images))
        ]
    )
