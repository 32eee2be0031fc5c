"""Input images: uint8 RGB arrays, files and PIL images are accepted; anything else is refused."""

from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeGuard

import numpy as np

from seg.data.images.raster import Raster, open_raster
from seg.data.images.read_sample import read_in_range
from seg.labels.label_map import ImageHWC
from seg.pixel_range import PixelRange

if TYPE_CHECKING:
    from PIL.Image import Image

CHANNELS: Final = 3


def as_raster(image: "ImageHWC | Path | str | Image", pixel_range: PixelRange | None = None) -> Raster:
    """The pixels of an image, uint8 RGB `[H, W, 3]`; a file is read in the pixel range.

    Raises:
        ValueError: it is an array of another type or shape, or a PIL image that is not RGB.
        DataError: it is a file that cannot be read.
    """
    if isinstance(image, Path | str):
        path = Path(image)
        return open_raster(path) if pixel_range is None else read_in_range(path, pixel_range)
    if _is_pil(image):
        if image.mode != "RGB":
            raise ValueError(f"a PIL image is RGB, got mode {image.mode}: image.convert('RGB')")
        return np.asarray(image)
    if not isinstance(image, np.ndarray):
        raise ValueError(
            f"an image is uint8 RGB [H, W, 3], a path or a PIL image, got {type(image).__name__}"
        )
    check_array(image)
    return image


def check_array(image: Raster) -> None:
    """Raises ValueError if an array is not uint8 RGB `[H, W, 3]` or is empty; rasters on disk always pass."""
    if not isinstance(image, np.ndarray):
        return
    if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != CHANNELS or not image.size:
        raise ValueError(f"an image is uint8 RGB [H, W, 3], got {image.dtype} {list(image.shape)}")


def _is_pil(image: Any) -> "TypeGuard[Image]":
    """Checked without importing PIL, which is only needed by callers that use it."""
    return any(f"{base.__module__}.{base.__name__}" == "PIL.Image.Image" for base in type(image).__mro__)
