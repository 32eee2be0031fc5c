"""The type of images: their pixels and the number of their bands."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import reduce
from typing import Any, Final, Literal

import numpy as np
from numpy.typing import NDArray

from seg.errors import ImageTypeError

PixelType = Literal["uint8", "uint16", "float32"]

ImageHWB = NDArray[Any]
"""An image of any bands, uint8, uint16 or float32 `[H, W, B]`; NaN where there is no data."""

PIXEL_TYPES: Final[tuple[PixelType, ...]] = ("uint8", "uint16", "float32")
"""From the narrowest to the widest: each holds all values of those before it."""


@dataclass(frozen=True, slots=True)
class ImageType:
    """What a model takes.

    A model of bands also takes images of more bands, whose first are used, and of narrower pixels. RGB of 8
    bits is taken exactly. `without_data` is what replaces NaN, by band, in a model of whole numbers.
    """

    pixels: PixelType = "uint8"
    bands: int = 3
    without_data: tuple[int, ...] = ()

    def __str__(self) -> str:
        return "uint8 RGB [H, W, 3]" if self == RGB8 else f"{self.pixels} [H, W, {self.bands}]"

    @property
    def bytes_a_pixel(self) -> int:
        return self.bands * np.dtype(self.pixels).itemsize

    def blank(self, shape: tuple[int, ...]) -> NDArray[Any]:
        """Zeros of this type, `[*shape, B]`."""
        return np.zeros((*shape, self.bands), dtype=self.pixels)

    def convert(self, images: NDArray[Any]) -> NDArray[Any]:
        """Images `[..., H, W, B]` as this type: the array itself if it is of it.

        Raises:
            ImageTypeError: they have too few bands, or values that the type does not hold.
        """
        bands = images.shape[-1] if images.ndim else 0
        if images.dtype == self.pixels and bands == self.bands:
            return images
        if self == RGB8 or bands < self.bands or str(images.dtype) not in PIXEL_TYPES:
            raise ImageTypeError(f"expected {self}, received {images.dtype} {list(images.shape)}")
        chosen = images[..., : self.bands]
        if PIXEL_TYPES.index(self.pixels) < PIXEL_TYPES.index(images.dtype.name):
            chosen = self._whole(chosen)
        return np.ascontiguousarray(chosen, dtype=self.pixels)

    def _whole(self, images: NDArray[Any]) -> NDArray[Any]:
        """Values that are whole and in the type's range, without NaN."""
        filled = np.where(np.isnan(images), self.without_data or 0, images)
        kept = np.clip(np.rint(filled), 0, np.iinfo(self.pixels).max)
        if not np.array_equal(kept, filled):
            raise ImageTypeError(
                f"expected {self}, received {images.dtype} with values that it does not hold"
            )
        return kept


RGB8: Final = ImageType()
"""The type of images where nothing else is said."""


def common_image_type(first: ImageType, second: ImageType) -> ImageType:
    """The type that holds the pixels of both, and the bands that both have."""
    pixels = max(first.pixels, second.pixels, key=PIXEL_TYPES.index)
    return ImageType(pixels, min(first.bands, second.bands))


def fused_image_type(types: Iterable[ImageType]) -> ImageType:
    """The type of images that models of all these types take: the widest pixels and the most bands."""
    taken = tuple(types)
    pixels = max((one.pixels for one in taken), key=PIXEL_TYPES.index)
    return ImageType(pixels, max(one.bands for one in taken))


def image_type_holding(images: Sequence[ImageHWB]) -> ImageType | None:
    """The type that holds the pixels of all these images, and the bands that all have; None for no images."""
    types = {image_type_of(image) for image in images}
    return reduce(common_image_type, types) if types else None


def image_type_of(image_hwb: ImageHWB) -> ImageType:
    """The type of an image in memory; raises ImageTypeError for other pixels."""
    name = image_hwb.dtype.name
    for pixels in PIXEL_TYPES:
        if name == pixels and image_hwb.ndim == 3 and image_hwb.size:
            return ImageType(pixels, image_hwb.shape[2])
    raise ImageTypeError(
        f"an image is uint8 RGB [H, W, 3], or uint8, uint16 or float32 [H, W, bands]; got {image_hwb.dtype}"
        f" {list(image_hwb.shape)}"
    )
