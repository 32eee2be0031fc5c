"""The segmenter: a network with its preprocessing, from scaled images to logits at the images' size.

Training, validation and export all run this module, so what is exported is what was validated.
"""

from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional

from seg.models.card import InputCard


class Segmenter(nn.Module):
    """Images `[N, H, W, channels]` to logits, float32 `[N, C, H, W]`, for any H and W.

    Images are uint8 RGB or, where the card has a pixel range, what `PixelScaling` makes of them: 0..1.

    In mode `pad` the last row and column are repeated at the bottom and right until height and width are
    multiples of the stride, and the logits are cropped. In mode `resize` the image is resized bilinearly to
    the network's input size, and the logits back. The image is normalised before it reaches the network.
    """

    mean: Tensor
    std: Tensor

    def __init__(self, network: nn.Module, card: InputCard) -> None:
        super().__init__()
        self.network = network
        self.card = card
        white = 255 if card.pixel_range is None else 1
        self.register_buffer("mean", torch.tensor(card.mean) * white, persistent=False)
        self.register_buffer("std", torch.tensor(card.std) * white, persistent=False)

    def forward(self, image: Tensor) -> Tensor:
        if self.card.size_hw is None:
            return self._padded(image)
        return self._resized(image, self.card.size_hw)

    def _padded(self, image: Tensor) -> Tensor:
        height, width = image.shape[1], image.shape[2]
        rows = self._repeating_the_last(height, image.device)
        columns = self._repeating_the_last(width, image.device)
        padded = image.index_select(1, rows).index_select(2, columns)
        logits = cast(Tensor, self.network(self._normalised(padded)))
        return logits[:, :, :height, :width]

    def _resized(self, image: Tensor, size_hw: tuple[int, int]) -> Tensor:
        own_size = (image.shape[1], image.shape[2])
        small = functional.interpolate(self._normalised(image), size_hw, mode="bilinear", align_corners=False)
        logits = self.network(small)
        return functional.interpolate(logits, own_size, mode="bilinear", align_corners=False)

    def _normalised(self, image: Tensor) -> Tensor:
        return ((image.float() - self.mean) / self.std).permute(0, 3, 1, 2)

    def _repeating_the_last(self, length: int, device: torch.device) -> Tensor:
        stride = self.card.stride
        padded_length = (length + stride - 1) // stride * stride
        return torch.arange(padded_length, device=device).clamp(max=length - 1)
