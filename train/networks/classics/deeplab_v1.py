"""DeepLab-LargeFOV, the first DeepLab, without its CRF.

Source: Chen, Papandreou, Kokkinos, Murphy and Yuille, "Semantic Image Segmentation with Deep
Convolutional Nets and Fully Connected CRFs", 2015, sections 3.1 and 5.2. The last two poolings keep the
size and the convolutions after them are dilated; the first fully connected layer is a 3x3 convolution
with dilation 12.
"""

from typing import Final

from torch import Tensor, nn
from torch.nn import functional

from seg.train.networks.classics.vgg import VGG16, initialise_vgg

_HIDDEN: Final = 1024
_FIRST_POOLING_THAT_KEEPS_THE_SIZE: Final = 3


class DeepLabEncoder(VGG16):
    """VGG16 at stride 8."""

    def __init__(self, batch_norm: bool) -> None:
        super().__init__(batch_norm, _deeplab_pooling, dilations=(1, 1, 1, 1, 2))

    def forward(self, image: Tensor) -> Tensor:
        """Features `[N, 512, H/8, W/8]`."""
        features: Tensor = self.features(image)
        return features


class DeepLabV1(nn.Module):
    """The DeepLab encoder and the LargeFOV head."""

    def __init__(self, classes: int, *, batch_norm: bool) -> None:
        super().__init__()
        self.encoder = DeepLabEncoder(batch_norm)
        self.decoder = nn.Sequential(
            nn.Conv2d(512, _HIDDEN, 3, padding=12, dilation=12),
            nn.ReLU(inplace=True),
            nn.Dropout(),
            nn.Conv2d(_HIDDEN, _HIDDEN, 1),
            nn.ReLU(inplace=True),
            nn.Dropout(),
            nn.Conv2d(_HIDDEN, classes, 1),
        )
        initialise_vgg(self.decoder)

    def forward(self, image: Tensor) -> Tensor:
        scores = self.decoder(self.encoder(image))
        return functional.interpolate(scores, image.shape[2:], mode="bilinear", align_corners=False)


def _deeplab_pooling(block: int) -> nn.Module:
    stride = 1 if block >= _FIRST_POOLING_THAT_KEEPS_THE_SIZE else 2
    return nn.MaxPool2d(3, stride=stride, padding=1)
