"""The part of a model that turns pixels of any bands and depth into 0..1."""

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor, nn

from seg.image_type import ImageHWB
from seg.models.card import InputCard


def pixel_scaling_of(card: InputCard) -> Callable[[ImageHWB], ImageHWB] | None:
    """What brings images of bands to 0..1 for the network; None for RGB of 8 bits, which stays as it is."""
    return None if card.pixel_range is None else PixelScaling(card).scale


class PixelScaling(nn.Module):
    """Pixels `[N, H, W, B]` of any type to what the network sees of them, float32 `[N, H, W, channels]`.

    The bands of the card's range are chosen, its values become 0 and 1, values beyond are clipped, and a
    pixel without data (NaN) gets the mean of its band, so that it is 0 after normalisation. Without a range,
    RGB of 8 bits is passed on as it is.
    """

    def __init__(self, card: InputCard) -> None:
        super().__init__()
        self._range = card.pixel_range
        self._image_type = card.image_type
        chosen = () if card.pixel_range is None else card.pixel_range.bands or ()
        self._chooses = bool(chosen) and chosen != tuple(range(1, card.bands + 1))
        low, high = (card.pixel_range.ends if card.pixel_range else None) or (0.0, 1.0)
        self._low, self._span = low, high - low
        self.register_buffer("_bands", torch.tensor([band - 1 for band in chosen]), persistent=False)
        self.register_buffer("_means", torch.tensor(card.mean), persistent=False)

    _bands: Tensor
    _means: Tensor

    def forward(self, image: Tensor) -> Tensor:
        if self._range is None:
            return image
        values = image.float()
        if self._chooses:
            values = values.index_select(3, self._bands)
        scaled = ((values - self._low) / self._span).clamp(0.0, 1.0)
        return torch.where(values.isnan(), self._means, scaled)

    def scale(self, image_hwb: ImageHWB) -> ImageHWB:
        """The same for one image in memory: uint8 RGB as it is, or float32 in 0..1.

        Raises:
            ValueError: it has too few bands, or values that the card's type does not hold.
        """
        converted = self._image_type.convert(image_hwb)
        if self._range is None:
            return converted
        image = torch.from_numpy(converted.astype(np.float32, copy=False))
        return np.asarray(self(image[None])[0].numpy())
