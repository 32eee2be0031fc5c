"""Networks of other channels than red, green and blue: their first convolutions, as timm adapts them.

Source: timm's `adapt_input_conv`: one channel gets the sum of the three colours' weights; several get these
weights in turn, scaled so that the sum of what they see stays the same.
"""

from collections.abc import Iterator
from typing import Final

import timm.models
from torch import Tensor, nn

from seg.errors import SpecError

RGB_CHANNELS: Final = 3


def set_input_channels(network: nn.Module, channels: int, *, keep_weights: bool) -> None:
    """Replace the first convolutions of a network that was built for RGB, in place.

    Args:
        channels: how many the images have that it will get.
        keep_weights: adapt the weights, as they are pretrained; else draw new ones.

    Raises:
        SpecError: no convolution of its encoder takes the image.
    """
    if channels == RGB_CHANNELS:
        return
    convolutions = list(_first_convolutions(network.get_submodule("encoder")))
    if not convolutions:
        raise SpecError(f"the encoder takes images of 3 channels only, got {channels}: choose another")
    for convolution in convolutions:
        weight = adapt_channels(convolution.weight.detach(), channels)
        convolution.in_channels = channels
        convolution.weight = nn.Parameter(weight)
        if not keep_weights:
            convolution.reset_parameters()


def adapt_channels(weight: Tensor, channels: int) -> Tensor:
    """The weight of a convolution on RGB, `[O, 3, h, w]`, for images of so many channels."""
    adapted: Tensor = timm.models.adapt_input_conv(channels, weight)
    return adapted.contiguous()


def adapt_values(rgb: tuple[float, float, float], channels: int) -> tuple[float, ...]:
    """Mean or standard deviation of RGB for so many channels: in turn, and of one channel the mean."""
    if channels == 1:
        return (sum(rgb) / RGB_CHANNELS,)
    return tuple(rgb[channel % RGB_CHANNELS] for channel in range(channels))


def _first_convolutions(encoder: nn.Module) -> Iterator[nn.Conv2d]:
    """Those that read the image; some encoders have parallel ones.

    A squeeze-and-excitation block may have three channels, too, and sees one pixel.
    """
    for module in encoder.modules():
        if isinstance(module, nn.Conv2d) and module.in_channels == RGB_CHANNELS and module.groups == 1:
            reads_pixels = max(*module.kernel_size, *module.stride) > 1
            if reads_pixels:
                yield module
