"""Decoders trained on the features of frozen, pretrained encoders: a member in a minute on one core."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import timm
import torch
from numpy.typing import NDArray
from safetensors.torch import load_file
from torch import Tensor, nn
from torch.nn import functional

from benchmarks.tuning.tiny_networks import loss_of

BATCH = 8
Features = list[Tensor]
"""At strides of 4, 8, 16 and 32, float32 `[N, C, h, w]` each."""


@dataclass(frozen=True, slots=True)
class DecoderRecipe:
    """What distinguishes a member from the others."""

    encoder: str
    width: int
    dice: float
    steps: int


class Pyramid(nn.Module):
    """The decoder of a feature pyramid network, which predicts at a stride of 4."""

    def __init__(self, channels: list[int], classes: int, width: int) -> None:
        super().__init__()
        self.laterals = nn.ModuleList(nn.Conv2d(one, width, 1) for one in channels)
        self.mix = nn.Sequential(
            nn.Conv2d(width, width, 3, padding=1, bias=False),
            nn.BatchNorm2d(width),
            nn.ReLU(inplace=True),
            nn.Dropout2d(0.1),
            nn.Conv2d(width, classes, 1),
        )

    def forward(self, features: Features) -> Tensor:
        top = self.laterals[-1](features[-1])
        for lateral, finer in zip(reversed(self.laterals[:-1]), reversed(features[:-1]), strict=True):
            wide = functional.interpolate(top, finer.shape[-2:], mode="bilinear", align_corners=False)
            top = lateral(finer) + wide
        logits: Tensor = self.mix(top)
        return logits


@torch.inference_mode()
def features_of(name: str, weights: Path, images: Tensor) -> Features:
    """Features of images, float32 `[N, 3, H, W]` in -1..1."""
    encoder = timm.create_model(f"tf_efficientnet_{name}", features_only=True, out_indices=(1, 2, 3, 4))
    encoder.load_state_dict(load_file(weights), strict=False)
    encoder.eval()
    parts = [[level.half() for level in encoder(batch)] for batch in torch.split(images, BATCH)]
    return [torch.cat(level) for level in zip(*parts, strict=True)]


def train_decoder(
    upright: Features, mirrored: Features, labels: Tensor, classes: int, recipe: DecoderRecipe, seed: int
) -> Pyramid:
    """Train a decoder on labels at a stride of 4, int64 `[N, h, w]`; 255 is ignored."""
    torch.manual_seed(seed)
    decoder = Pyramid([level.shape[1] for level in upright], classes, recipe.width)
    optimiser = torch.optim.AdamW(decoder.parameters(), 4e-3)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, 4e-3, total_steps=recipe.steps)
    for _ in range(recipe.steps):
        chosen = torch.randint(len(labels), (BATCH,))
        flip = bool(torch.rand(()) < 0.5)
        logits = decoder([level[chosen].float() for level in (mirrored if flip else upright)])
        truth = labels[chosen].flip(-1) if flip else labels[chosen]
        optimiser.zero_grad()
        torch.autograd.backward(loss_of(logits, truth, recipe.dice))
        optimiser.step()
        schedule.step()
    return decoder.eval()


@torch.inference_mode()
def probabilities_of_decoder(decoder: Pyramid, upright: Features, mirrored: Features) -> NDArray[np.float32]:
    """Probabilities, float32 `[N, C, h, w]`, the mean of both views."""

    def of(features: Features) -> Tensor:
        count = len(features[0])
        parts = [
            decoder([level[start : start + BATCH].float() for level in features]).softmax(1)
            for start in range(0, count, BATCH)
        ]
        return torch.cat(parts)

    return np.asarray(((of(upright) + of(mirrored).flip(-1)) / 2).numpy(), dtype=np.float32)
