"""The convolutions of VGG16, under torchvision's parameter names.

Source: Simonyan and Zisserman, "Very Deep Convolutional Networks for Large-Scale Image Recognition",
2015, configuration D; with batch normalisation as torchvision's `vgg16_bn`.
"""

from collections.abc import Callable, Iterator
from typing import Final

from torch import nn

BLOCKS: Final = ((64, 64), (128, 128), (256, 256, 256), (512, 512, 512), (512, 512, 512))
"""The widths of the convolutions of each block; a pooling follows each."""

Pool = Callable[[int], nn.Module]
"""The pooling after a block, given the block's number from 0."""


def vgg_pooling(block: int) -> nn.Module:
    """VGG16's own pooling, after every block."""
    return nn.MaxPool2d(2)


class VGG16(nn.Module):
    """Five blocks of convolutions, each with its pooling; `blocks()` are parts of `features`.

    `dilations` are those of each block's convolutions.
    """

    def __init__(
        self, batch_norm: bool, pool: Pool = vgg_pooling, dilations: tuple[int, ...] = (1, 1, 1, 1, 1)
    ) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        self._ends: list[int] = []
        channels = 3
        for block, widths in enumerate(BLOCKS):
            for width in widths:
                layers += _vgg_convolution(channels, width, dilations[block], batch_norm)
                channels = width
            layers.append(pool(block))
            self._ends.append(len(layers))
        self.features = nn.Sequential(*layers)
        initialise_vgg(self)

    def blocks(self) -> Iterator[nn.Sequential]:
        """Each block with its pooling as the last layer."""
        for start, end in zip([0, *self._ends], self._ends, strict=False):
            yield self.features[start:end]


def initialise_vgg(network: nn.Module) -> None:
    """Draw the weights of convolutions so that the variance of activations stays (He et al., 2015)."""
    for layer in network.modules():
        if isinstance(layer, nn.Conv2d):
            nn.init.kaiming_normal_(layer.weight, mode="fan_out", nonlinearity="relu")
            if layer.bias is not None:
                nn.init.zeros_(layer.bias)


def _vgg_convolution(inputs: int, outputs: int, dilation: int, batch_norm: bool) -> list[nn.Module]:
    convolution = nn.Conv2d(inputs, outputs, 3, padding=dilation, dilation=dilation)
    norm: list[nn.Module] = [nn.BatchNorm2d(outputs)] if batch_norm else []
    return [convolution, *norm, nn.ReLU(inplace=True)]
