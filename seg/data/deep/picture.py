"""Pictures of images of any bands: red, green and blue of 8 bits, for people to look at."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from seg.data.deep.percentiles import percentiles_of, scale_to_ends
from seg.image_type import ImageHWB
from seg.labels.label_map import ImageHWC
from seg.pixel_range import PixelRange
from seg.terminal.words import pluralise

RgbBands = tuple[int, int, int]

_STRETCH: Final = (1.0, 99.0)
"""The percentiles of each band that are drawn black and white."""


def picture_of(image_hwb: ImageHWB, pixel_range: PixelRange, rgb: RgbBands | None = None) -> ImageHWC:
    """An image of any bands as a picture, uint8 RGB `[H, W, 3]`, stretched; pixels without data are black.

    Args:
        image_hwb: as it is read.
        pixel_range: what networks see of it.
        rgb: the bands that are drawn red, green and blue, from 1; by default the first three that are seen,
            or the first as grey.

    Raises:
        ValueError: the image does not have these bands.
    """
    check_rgb(rgb, image_hwb.shape[-1])
    shown = rgb or default_rgb(pixel_range, image_hwb.shape[-1])
    chosen = image_hwb[..., [band - 1 for band in shown]]
    return _levels_of_values(scale_to_ends(chosen, *percentiles_of(chosen, _STRETCH)))


def check_rgb(rgb: RgbBands | None, bands: int) -> None:
    """Raise ValueError if an image with so many bands lacks one that pictures show."""
    if rgb is not None and max(rgb) > bands:
        raise ValueError(
            f"has {pluralise(bands, 'band')}, and 'rgb' names band {max(rgb)}: they count from 1"
        )


def levels_in_range(image_hwb: ImageHWB, pixel_range: PixelRange) -> NDArray[np.uint8]:
    """All bands with the range's values as 0 and 255, as networks see them; uint8 `[H, W, B]`."""
    low, high = pixel_range.ends or (0.0, 1.0)
    return _levels_of_values(
        scale_to_ends(image_hwb, np.array([low], np.float32), np.array([high], np.float32))
    )


def default_rgb(pixel_range: PixelRange, bands: int) -> RgbBands:
    """The first three bands that are seen, or the first as grey; from 1."""
    seen = pixel_range.bands or tuple(range(1, bands + 1))
    return (seen[0], seen[1], seen[2]) if len(seen) >= 3 else (seen[0],) * 3


def _levels_of_values(values: ImageHWB) -> NDArray[np.uint8]:
    finite = np.nan_to_num(values, nan=0.0, posinf=1.0, neginf=0.0)
    levels: NDArray[np.uint8] = np.rint(np.clip(finite, 0, 1) * 255).astype(np.uint8)
    return levels
