"""Checkpoints and images to a submission as it is usually written: a loop around smp and ttach.

python -m benchmarks.first_page_loop RUNS IMAGES... -o submission.csv

It is what `first_page.py` compares with, and whose lines it counts.
"""

import argparse
import csv
from pathlib import Path

import numpy as np
import segmentation_models_pytorch as smp
import torch
import ttach
from numpy.typing import NDArray
from PIL import Image
from safetensors.torch import load_file
from torch import nn

CLASSES = 11
NETWORKS = {
    "fpn-lite0": ("fpn", "timm-tf_efficientnet_lite0"),
    "deeplabv3plus-lite1": ("deeplabv3plus", "timm-tf_efficientnet_lite1"),
    "unet-lite0": ("unet", "timm-tf_efficientnet_lite0"),
}
VIEWS = ttach.aliases.hflip_transform()


def load_smp_network(checkpoint: Path, architecture: str, encoder: str) -> nn.Module:
    network: nn.Module = smp.create_model(architecture, encoder, encoder_weights=None, classes=CLASSES)
    network.load_state_dict(load_file(checkpoint))
    return network.eval()


def probabilities_by_loop(network: nn.Module, image_nchw: torch.Tensor) -> torch.Tensor:
    height, width = image_nchw.shape[2:]
    padded = nn.functional.pad(image_nchw, (0, -width % 32, 0, -height % 32), mode="replicate")
    logits: torch.Tensor = network(padded)[..., :height, :width]
    return logits.softmax(1)


def predict_by_loop(networks: list[nn.Module], path: Path) -> NDArray[np.int64]:
    rgb_hwc = np.asarray(Image.open(path).convert("RGB"), np.float32)
    image_nchw = torch.from_numpy((rgb_hwc / 255 - 0.5) / 0.5).permute(2, 0, 1)[None]
    total = torch.zeros(())
    for network in networks:
        for view in VIEWS:
            total = total + view.deaugment_mask(
                probabilities_by_loop(network, view.augment_image(image_nchw))
            )
    return total.argmax(1)[0].numpy()


def run_lengths(mask_hw: NDArray[np.bool_]) -> str:
    flat = np.concatenate([[0], mask_hw.T.ravel(), [0]])
    edges = np.flatnonzero(np.diff(flat.astype(np.int8))) + 1
    edges[1::2] -= edges[::2]
    return " ".join(map(str, edges))


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("runs", type=Path)
    parser.add_argument("images", type=Path, nargs="+")
    parser.add_argument("-o", "--output", type=Path)
    given = parser.parse_args()
    networks = [
        load_smp_network(given.runs / name / "model.safetensors", *parts) for name, parts in NETWORKS.items()
    ]
    with given.output.open("w", newline="") as file, torch.inference_mode():
        writer = csv.writer(file)
        writer.writerow(["ImageId_ClassId", "EncodedPixels"])
        for path in given.images:
            labels_hw = predict_by_loop(networks, path)
            for label in range(CLASSES):
                writer.writerow([f"{path.stem}_{label}", run_lengths(labels_hw == label)])


if __name__ == "__main__":
    main()
