"""Networks that have learnt nothing, with a card each, as checkpoints."""

from pathlib import Path

import numpy as np
import torch

from seg.labels.classes import ClassInfo, default_colour
from seg.labels.label_map import ImageHWC
from seg.models.card import InputCard, ModelCard
from seg.train.networks import build_network
from seg.train.networks.checkpoint import save_checkpoint

CLASSES = tuple(ClassInfo(id=n, name=f"c{n}", colour=default_colour(n)) for n in range(3))
ENCODER = "tu-resnet10t"


def image(height: int, width: int, seed: int = 0) -> ImageHWC:
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)


def checkpoint(
    folder: Path, architecture: str, size_hw: tuple[int, int] | None = None, encoder: str = ENCODER
) -> Path:
    """An untrained network whose batch norms have seen something, saved with its card."""
    torch.manual_seed(0)
    network = build_network(architecture, encoder, len(CLASSES))
    network.train()
    with torch.no_grad():
        network(torch.randn(2, 3, 64, 64))
    card = ModelCard(
        name="x",
        architecture=architecture,
        encoder=encoder,
        classes=CLASSES,
        unlabelled="ignore",
        input=InputCard(
            mode="resize" if size_hw else "pad", size_hw=size_hw, mean=(0.4, 0.5, 0.6), std=(0.2, 0.3, 0.25)
        ),
    )
    save_checkpoint(folder / "model.safetensors", network, card)
    return folder / "model.safetensors"
