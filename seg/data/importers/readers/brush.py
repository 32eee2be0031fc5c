"""Label Studio's run lengths of brush strokes: packed bits of the values of an RGBA image, row by row.

The first 32 bits are the number of values, the next 5 the bits of a value less 1, then four times 4 the bits
of a length less 1. Each run starts with a bit that tells whether its values are equal, 2 bits that choose a
width of the length, and the length less 1.

Source: the function `decode_rle` of label-studio-converter, after https://github.com/thi-ng/rle-pack.
"""

from collections.abc import Sequence

import numpy as np

from seg.data.coco.rasterise import MaskHW

_CHANNELS = 4


def decode_brush(packed: Sequence[int], size_hw: tuple[int, int]) -> MaskHW:
    """The mask, bool `[H, W]`, where alpha is above 0; raises ValueError if it is not that of this image."""
    bits = np.unpackbits(np.array(packed, dtype=np.uint8))
    place = 0

    def read(width: int) -> int:
        nonlocal place
        if place + width > len(bits):
            raise ValueError("the run lengths of a brush end too early")
        number = int("".join(map(str, bits[place : place + width])), 2)
        place += width
        return number

    count = read(32)
    if count != _CHANNELS * size_hw[0] * size_hw[1]:
        raise ValueError(f"a brush of {count} values, not of {size_hw[1]}x{size_hw[0]} pixels in RGBA")
    width_of_value = read(5) + 1
    widths_of_length = [read(4) + 1 for _ in range(4)]
    values = np.zeros(count, dtype=np.uint8)
    start = 0
    while start < count:
        is_run = read(1)
        end = min(count, start + read(widths_of_length[read(2)]) + 1)
        if is_run:
            values[start:end] = read(width_of_value)
        else:
            values[start:end] = [read(width_of_value) for _ in range(end - start)]
        start = end
    mask_hw: MaskHW = values.reshape(*size_hw, _CHANNELS)[..., 3] > 0
    return mask_hw
