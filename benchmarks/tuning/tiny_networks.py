"""Small U-Nets that are trained in a minute on one core, and their probabilities of labelled images."""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from seg.labels.label_map import IGNORE_INDEX

HALVED = 2
"""The networks see images at their own size and predict at half of it."""


@dataclass(frozen=True, slots=True)
class TinyNetworkRecipe:
    """What distinguishes a network from the others."""

    width: int
    dice: float
    seed: int
    steps: int = 1200


class TinyUnet(nn.Module):
    """Three levels; predicts at half the image's size."""

    def __init__(self, classes: int, width: int) -> None:
        super().__init__()
        self.stem = nn.Sequential(_convolution_block(3, width, stride=2), _convolution_block(width, width))
        self.down = _convolution_block(width, 2 * width, stride=2)
        self.deep = nn.Sequential(
            _convolution_block(2 * width, 4 * width, stride=2), _convolution_block(4 * width, 4 * width)
        )
        self.middle = _convolution_block(6 * width, 2 * width)
        self.head = nn.Sequential(_convolution_block(3 * width, width), nn.Conv2d(width, classes, 1))

    def forward(self, images: Tensor) -> Tensor:
        fine = self.stem(images)
        half = self.down(fine)
        middle = self.middle(torch.cat([_upsample_twice(self.deep(half)), half], 1))
        logits: Tensor = self.head(torch.cat([_upsample_twice(middle), fine], 1))
        return logits


def train_tiny_network(images: Tensor, labels: Tensor, classes: int, recipe: TinyNetworkRecipe) -> nn.Module:
    """Train on images, float32 `[N, 3, H, W]`, and labels, int64 `[N, H/2, W/2]`."""
    torch.manual_seed(recipe.seed)
    network = TinyUnet(classes, recipe.width).to(memory_format=torch.channels_last)
    optimiser = torch.optim.AdamW(network.parameters(), 4e-3)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, 4e-3, total_steps=recipe.steps)
    for _ in range(recipe.steps):
        chosen = torch.randint(len(images), (8,))
        flip = bool(torch.rand(()) < 0.5)
        batch, truth = images[chosen], labels[chosen]
        if flip:
            batch, truth = batch.flip(-1), truth.flip(-1)
        loss = loss_of(network(batch), truth, recipe.dice)
        optimiser.zero_grad()
        torch.autograd.backward(loss)
        optimiser.step()
        schedule.step()
    return network.eval()


@torch.inference_mode()
def probabilities_of_tiny_network(network: nn.Module, images: Tensor) -> NDArray[np.float32]:
    """Probabilities, float32 `[N, C, H/2, W/2]`, each the mean of the upright and the mirrored view."""
    parts = [
        (network(batch).softmax(1) + network(batch.flip(-1)).softmax(1).flip(-1)) / 2
        for batch in torch.split(images, 16)
    ]
    return np.asarray(torch.cat(parts).numpy(), dtype=np.float32)


def loss_of(logits: Tensor, truth: Tensor, dice: float) -> Tensor:
    """Cross-entropy, and so much Dice loss; 255 is ignored."""
    loss = functional.cross_entropy(logits, truth, ignore_index=IGNORE_INDEX)
    if dice:
        known = (truth != IGNORE_INDEX)[:, None]
        classes = logits.shape[1]
        probabilities = logits.softmax(1) * known
        hot = functional.one_hot(truth.clamp(max=classes - 1), classes).movedim(-1, 1) * known
        overlap = 2 * (probabilities * hot).sum((0, 2, 3)) + 1
        loss = loss + dice * (1 - overlap / (probabilities.sum((0, 2, 3)) + hot.sum((0, 2, 3)) + 1)).mean()
    return loss


def _convolution_block(entering: int, leaving: int, stride: int = 1) -> nn.Sequential:
    convolution = nn.Conv2d(entering, leaving, 3, stride, 1, bias=False)
    return nn.Sequential(convolution, nn.BatchNorm2d(leaving), nn.ReLU(inplace=True))


def _upsample_twice(features: Tensor) -> Tensor:
    return functional.interpolate(features, scale_factor=2, mode="nearest")
