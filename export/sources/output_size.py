"""Whether an output shows the whole of an image, at its size or a fraction of it."""

from typing import Final

_LARGEST_STRIDE: Final = 64
"""Of an output that predicts pixels, not images."""


def shows_whole_image(output_hw: tuple[int, int], image_hw: tuple[int, int]) -> bool:
    """Whether an output has the image's size, an n-th or n times of it, rounded either way.

    That of a convolution without padding does not: it lacks a border, so it cannot be resized to the image.
    """
    if min(output_hw) == 1 < min(image_hw):
        return False
    sides = list(zip(output_hw, image_hw, strict=True))
    return any(
        all(output in (image // n, -(-image // n)) for output, image in sides)
        or all(output == image * n for output, image in sides)
        for n in range(1, _LARGEST_STRIDE + 1)
    )
