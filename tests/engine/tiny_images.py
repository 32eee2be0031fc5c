"""Random images of few pixels."""

import numpy as np

from seg.engine.runtimes.base import ImagesNHWC
from seg.labels.label_map import ImageHWC

SIZES_HW = [(5, 7), (7, 5), (6, 6), (1, 1), (5, 7), (9, 2), (7, 5), (5, 7)]


def images_of_sizes(seed: int = 0) -> list[ImageHWC]:
    """One of each of `SIZES_HW`, some of which are equal."""
    rng = np.random.default_rng(seed)
    return [rng.integers(0, 256, (*size_hw, 3), dtype=np.uint8) for size_hw in SIZES_HW]


def image_batch(count: int, height: int = 20, width: int = 30) -> ImagesNHWC:
    return np.random.default_rng(count).integers(0, 256, (count, height, width, 3), dtype=np.uint8)
