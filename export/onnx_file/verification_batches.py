"""The image batches, of several sizes, that an exported file is verified on."""

from collections.abc import Iterator, Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from seg.image_type import ImageHWB

ImagesNHWC = NDArray[Any]
"""Images of one size and type, `[N, H, W, B]`."""

BATCH_SIZES: Final = (1, 2, 3)
VERIFIED_IMAGES: Final = 2 * sum(BATCH_SIZES)
"""In all batches of an exported file, whole and cropped."""


def verification_sizes(size_hw: tuple[int, int], stride: int) -> tuple[tuple[int, int], ...]:
    """The given size, and a smaller one that is neither square nor a multiple of the stride."""
    height, width = size_hw
    odd = (max(1, height * 2 // 3), max(1, width // 2))
    if odd[0] % stride == 0:
        odd = (odd[0] + 1, odd[1])
    if odd[0] == odd[1]:
        odd = (odd[0], odd[1] + 3)
    return (size_hw, (min(odd[0], height), min(odd[1], width)))


def verification_batches(
    images: Sequence[ImageHWB], sizes_hw: Sequence[tuple[int, int]], batch_sizes: Sequence[int] = BATCH_SIZES
) -> Iterator[ImagesNHWC]:
    """One batch for each size and batch size, cycling through the images."""
    position = 0
    for height, width in sizes_hw:
        fitting = [i for i in images if i.shape[0] >= height and i.shape[1] >= width]
        for batch_size in batch_sizes:
            rows = [fitting[(position + row) % len(fitting)] for row in range(batch_size)]
            position += batch_size
            yield np.stack([row[:height, :width] for row in rows])
