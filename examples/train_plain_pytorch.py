"""Train a network on CamVid in plain PyTorch, without seg, as many notebooks do; save it and say its mIoU.

python train_plain_pytorch.py data/camvid theirs/best.pth --encoder-weights tf_efficientnet_lite0.safetensors

`data/camvid` has the folders `train` and `val`, and `train_masks` and `val_masks` (0 to 10, and 11 for void).
The checkpoint is a dict as trainers write it, and one line of YAML makes it a member of an ensemble:

    members:
      - { name: theirs, checkpoint: theirs/best.pth }
"""

import argparse
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import segmentation_models_pytorch as smp
import torch
from PIL import Image
from safetensors.torch import load_file
from torch import nn

CLASSES = 11
VOID = 11
MEAN, STD = np.full(3, 0.5, np.float32), np.full(3, 0.5, np.float32)


def read(image: Path, masks: Path) -> tuple[torch.Tensor, torch.Tensor]:
    """An image, float32 `[3, H, W]`, and its labels, int64 `[H, W]`."""
    rgb_hwc = np.asarray(Image.open(image).convert("RGB"))
    labels_hw = np.array(Image.open(masks / f"{image.stem}.png"))
    normalised_hwc = (rgb_hwc / np.float32(255) - MEAN) / STD
    return torch.from_numpy(normalised_hwc.transpose(2, 0, 1)), torch.from_numpy(labels_hw).long()


def batches(
    images: list[Path], masks: Path, crop: int, size: int, seed: int
) -> Iterator[tuple[torch.Tensor, ...]]:
    """Random crops, some of them flipped, in random order."""
    rng = np.random.default_rng(seed)
    order = rng.permutation(len(images))
    for start in range(0, len(order) - size + 1, size):
        pairs = []
        for number in order[start : start + size]:
            image, labels = read(images[number], masks)
            top, left = (rng.integers(0, side - crop + 1) for side in labels.shape)
            part = (slice(top, top + crop), slice(left, left + crop))
            image, labels = image[:, *part], labels[part]
            pairs.append((image.flip(2), labels.flip(1)) if rng.random() < 0.5 else (image, labels))
        yield tuple(map(torch.stack, zip(*pairs, strict=True)))


def mean_iou(network: nn.Module, images: list[Path], masks: Path) -> float:
    """Of all pixels of all images that are not void; images are padded below and right to multiples of 32."""
    confusion = np.zeros((CLASSES, CLASSES), np.int64)
    network.eval()
    for path in images:
        image, labels = read(path, masks)
        height, width = labels.shape
        padded = nn.functional.pad(image[None], (0, -width % 32, 0, -height % 32), mode="replicate")
        with torch.no_grad():
            predicted = network(padded)[0, :, :height, :width].argmax(0)
        seen = labels != VOID
        pairs = labels[seen] * CLASSES + predicted[seen]
        confusion += np.bincount(pairs.numpy(), minlength=CLASSES**2).reshape(CLASSES, CLASSES)
    hits = np.diag(confusion)
    return float((hits / (confusion.sum(0) + confusion.sum(1) - hits)).mean())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path)
    parser.add_argument("checkpoint", type=Path)
    parser.add_argument("--encoder-weights", type=Path, help="safetensors of the encoder")
    parser.add_argument("--epochs", type=int, default=6)
    parser.add_argument("--images", type=int, default=120, help="of the training split")
    given = parser.parse_args()

    torch.manual_seed(0)
    network = smp.Unet(
        "timm-tf_efficientnet_lite0",
        encoder_weights=None,
        classes=CLASSES,
        decoder_channels=(128, 64, 48, 32, 16),
    )
    if given.encoder_weights:
        network.encoder.load_state_dict(load_file(given.encoder_weights), strict=False)
    train, val = (sorted((given.data / split).glob("*.jpg")) for split in ("train", "val"))
    train = train[:: max(1, len(train) // given.images)]
    optimiser = torch.optim.AdamW(network.parameters(), lr=1e-3)
    steps = given.epochs * (len(train) // 8)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, 2e-3, total_steps=steps)
    for epoch in range(given.epochs):
        network.train()
        for images, labels in batches(train, given.data / "train_masks", 224, 8, epoch):
            loss = nn.functional.cross_entropy(network(images), labels, ignore_index=VOID)
            optimiser.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            optimiser.step()
            schedule.step()
        print(f"epoch {epoch + 1}: loss {loss.item():.3f}", flush=True)
    score = mean_iou(network, val, given.data / "val_masks")
    print(f"mIoU {score:.6f} on {len(val)} images")
    given.checkpoint.parent.mkdir(parents=True, exist_ok=True)
    state = {f"module.{name}": tensor for name, tensor in network.state_dict().items()}
    torch.save({"epoch": given.epochs, "model": state, "optimiser": optimiser.state_dict()}, given.checkpoint)


if __name__ == "__main__":
    main()
