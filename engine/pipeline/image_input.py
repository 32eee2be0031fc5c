"""Input images: arrays of the members' type, files and PIL images are accepted; anything else is refused."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeGuard

import numpy as np

from seg.data.images import raster
from seg.data.images.raster import Raster, open_raster
from seg.data.images.read_sample import open_bands_to_tile, scale_to_pixel_range
from seg.errors import ImageTypeError, SpecError
from seg.image_type import PIXEL_TYPES, RGB8, ImageHWB, ImageType
from seg.pixel_range import PixelRange

if TYPE_CHECKING:
    from PIL.Image import Image


def image_as_raster(
    image: "ImageHWB | Path | str | Image",
    pixel_range: PixelRange | None = None,
    image_types: Sequence[ImageType] = (RGB8,),
) -> Raster:
    """The pixels of an image: uint8 RGB `[H, W, 3]`, or all bands where members have a pixel range.

    Args:
        image: an array, a file or a PIL image.
        pixel_range: the members'; its percentiles, if it has some, bring the image to 0..1.
        image_types: what each member takes.

    Raises:
        ValueError: it is an array of another type or shape, or a PIL image that is not RGB.
        DataError: it is a file that cannot be read.
    """
    if isinstance(image, Path | str):
        path = Path(image)
        opened = open_raster(path) if pixel_range is None else open_bands_to_tile(path, pixel_range)
        with naming_image(str(path)):
            check_image_array(opened, image_types)
        return opened
    if _is_pil_image(image):
        if image.mode != "RGB" and pixel_range is None:
            raise ValueError(f"a PIL image is RGB, got mode {image.mode}: image.convert('RGB')")
        pixels = np.asarray(image)
        image = pixels if pixels.ndim == 3 else pixels[..., None]
    if not isinstance(image, np.ndarray):
        raise ValueError(f"an image is {image_types[0]}, a path or a PIL image, got {type(image).__name__}")
    check_image_array(image, image_types)
    return image if pixel_range is None else scale_to_pixel_range(image, pixel_range)


def check_image_array(image: Raster, image_types: Sequence[ImageType] = (RGB8,)) -> None:
    """Raises ImageTypeError if an image is not what each member takes, or is empty.

    Members of bands take more bands, too, and any of the three pixel types: whether their values suit them is
    found when they are converted.
    """
    shape = tuple(image.shape)
    for wanted in dict.fromkeys(image_types):
        is_image = len(shape) == 3 and min(shape) > 0 and image.dtype.name in PIXEL_TYPES
        if wanted == RGB8:
            suits = is_image and image.dtype == np.uint8 and shape[2] == wanted.bands
        else:
            suits = is_image and shape[2] >= wanted.bands
        if not suits:
            raise ImageTypeError(f"an image is {wanted}, got {image.dtype} {list(shape)}")


@contextmanager
def naming_image(name: str) -> Iterator[None]:
    """Put an image's name, if it has one, before an ImageTypeError raised within."""
    try:
        yield
    except ImageTypeError as error:
        raise ImageTypeError(f"{name}: {error}" if name else str(error)) from error


def refuse_large_whole_image(image: Raster, name: str) -> None:
    """Raise SpecError if an image is too large to be predicted in one piece: one that is read by region."""
    height, width, _ = image.shape
    if not isinstance(image, np.ndarray) and raster.is_large((height, width)):
        raise SpecError(
            f"{name}: has {width}x{height} pixels, too many for one piece: predict it in tiles, such as"
            " 'tile: { size: 512 }' in the ensemble's YAML"
        )


def _is_pil_image(image: Any) -> "TypeGuard[Image]":
    """Checked without importing PIL, which is only needed by callers that use it."""
    return any(f"{base.__module__}.{base.__name__}" == "PIL.Image.Image" for base in type(image).__mro__)
