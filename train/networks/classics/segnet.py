"""SegNet: an encoder-decoder whose decoder unpools with the encoder's max-pooling indices.

Source: Badrinarayanan, Kendall and Cipolla, "SegNet: A Deep Convolutional Encoder-Decoder
Architecture for Image Segmentation", 2017.
"""

from itertools import pairwise

from torch import Tensor, nn

from seg.train.networks.classics.vgg import BLOCKS, VGG16, initialise_vgg


class SegNetEncoder(VGG16):
    """VGG16 with batch normalisation whose pooling layers also return their indices."""

    def __init__(self) -> None:
        super().__init__(batch_norm=True, pool=lambda block: nn.MaxPool2d(2, return_indices=True))

    def forward(self, image: Tensor) -> tuple[Tensor, list[Tensor]]:
        """Features `[N, 512, H/32, W/32]`, and the indices of the maxima of each pooling."""
        features, indices = image, []
        for block in self.blocks():
            features, where = block(features)
            indices.append(where)
        return features, indices


class SegNet(nn.Module):
    """The decoder mirrors the encoder; its last convolution gives the logits."""

    def __init__(self, classes: int) -> None:
        super().__init__()
        self.encoder = SegNetEncoder()
        self.unpool = nn.MaxUnpool2d(2)
        self.decoder = nn.ModuleList(
            _mirror_vgg_block(widths, BLOCKS[block - 1][-1] if block else None)
            for block, widths in reversed(list(enumerate(BLOCKS)))
        )
        self.head = nn.Conv2d(BLOCKS[0][0], classes, 3, padding=1)
        initialise_vgg(self.decoder)

    def forward(self, image: Tensor) -> Tensor:
        features, indices = self.encoder(image)
        for block, where in zip(self.decoder, reversed(indices), strict=True):
            features = block(self.unpool(features, where))
        logits: Tensor = self.head(features)
        return logits


def _mirror_vgg_block(widths: tuple[int, ...], outputs: int | None) -> nn.Sequential:
    """A block's convolutions backwards, ending in `outputs` channels.

    The first block has one fewer: the head takes the place of the convolution that met the image.
    """
    channels = [*widths, outputs] if outputs else widths
    layers: list[nn.Module] = []
    for before, after in pairwise(channels):
        layers += [nn.Conv2d(before, after, 3, padding=1), nn.BatchNorm2d(after), nn.ReLU(inplace=True)]
    return nn.Sequential(*layers)
