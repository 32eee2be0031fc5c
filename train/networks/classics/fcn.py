"""FCN-32s, FCN-16s and FCN-8s.

Source: Long, Shelhamer and Darrell, "Fully Convolutional Networks for Semantic Segmentation", 2015.
As in the paper, VGG16's fully connected layers become convolutions, the skip connections from blocks 4 and 3
start with zero weights, and the upsampling layers start as bilinear interpolation. Unlike the paper, padding
keeps the sizes, so nothing is cropped, and the last upsampling is plain interpolation (the paper's is a
transposed convolution fixed to it).
"""

from typing import Final, Literal

import torch
from torch import Tensor, nn
from torch.nn import functional

from seg.train.networks.classics.vgg import VGG16, initialise_vgg

_HIDDEN: Final = 4096
_SKIPS: Final = {32: (), 16: (512,), 8: (512, 256)}
"""The channels of the features of the skip connections, from coarse to fine."""


class FCN(nn.Module):
    """`stride` is that of the finest skip connection: 32 (none), 16 or 8."""

    def __init__(self, classes: int, stride: Literal[32, 16, 8], *, batch_norm: bool) -> None:
        super().__init__()
        self.encoder = FCNEncoder(batch_norm)
        self.score = nn.Conv2d(_HIDDEN, classes, 1)
        self.skips = nn.ModuleList(FCNSkip(channels, classes) for channels in _SKIPS[stride])

    def forward(self, image: Tensor) -> Tensor:
        hidden, *pooled = self.encoder(image)
        scores = self.score(hidden)
        for skip, finer in zip(self.skips, pooled, strict=False):
            scores = skip(scores, finer)
        return functional.interpolate(scores, image.shape[2:], mode="bilinear", align_corners=False)


class FCNEncoder(VGG16):
    """VGG16 and its classifier, without the last layer, as convolutions."""

    def __init__(self, batch_norm: bool) -> None:
        super().__init__(batch_norm)
        self.classifier = nn.Sequential(
            nn.Conv2d(512, _HIDDEN, 7, padding=3),
            nn.ReLU(inplace=True),
            nn.Dropout(),
            nn.Conv2d(_HIDDEN, _HIDDEN, 1),
            nn.ReLU(inplace=True),
            nn.Dropout(),
        )
        initialise_vgg(self.classifier)

    def forward(self, image: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Features `[N, 4096, H/32, W/32]`, `[N, 512, H/16, W/16]` and `[N, 256, H/8, W/8]`."""
        pooled = [image]
        for block in self.blocks():
            pooled.append(block(pooled[-1]))
        return self.classifier(pooled[5]), pooled[4], pooled[3]


class FCNSkip(nn.Module):
    """Adds the scores of finer features to coarser scores at twice their size."""

    def __init__(self, channels: int, classes: int) -> None:
        super().__init__()
        self.enlarge = nn.ConvTranspose2d(classes, classes, 4, stride=2, padding=1, bias=False)
        self.score = nn.Conv2d(channels, classes, 1)
        row = torch.tensor([0.25, 0.75, 0.75, 0.25])
        with torch.no_grad():
            self.enlarge.weight.zero_()
            self.enlarge.weight[range(classes), range(classes)] = torch.outer(row, row)
            self.score.weight.zero_()

    def forward(self, coarse: Tensor, features: Tensor) -> Tensor:
        scores: Tensor = self.enlarge(coarse) + self.score(features)
        return scores
