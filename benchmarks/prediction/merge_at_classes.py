"""What merging where decoders end saves with many classes and large images, on networks with random weights.

    python -m benchmarks.prediction.merge_at_classes OUT --classes 11 150 --sides 512 1024

Times do not depend on the weights. Both places take turns, and ratios are those within a round. Labels of
random networks are close to ties, so that their agreement is a lower bound.
"""

import argparse
import statistics
import time
from pathlib import Path

import cv2
import numpy as np
import torch

from seg.engine import Ensemble
from seg.export import export_checkpoint
from seg.labels.classes import ClassInfo
from seg.labels.label_map import ImageHWC
from seg.models.card import InputCard, ModelCard, TrainingCard
from seg.spec.ensemble.from_models import spec_from_models
from seg.spec.ensemble.prediction import MergePlace
from seg.train.networks.build import build_network
from seg.train.networks.checkpoint import save_checkpoint

NETWORKS = (
    ("fpn", "timm-tf_efficientnet_lite0"),
    ("deeplabv3plus", "timm-tf_efficientnet_lite0"),
    ("fpn", "resnet18"),
)
PLACES: tuple[MergePlace, ...] = ("image", "decoder")
IMAGES = 2


def export_random_network(folder: Path, architecture: str, encoder: str, classes: int) -> Path:
    """A network with random weights, exported once."""
    path = folder / f"{architecture}-{encoder}-{classes}.onnx"
    if path.exists():
        return path
    torch.manual_seed(0)
    card = ModelCard(
        name=path.stem,
        architecture=architecture,
        encoder=encoder,
        classes=tuple(ClassInfo(id=n, name=f"c{n}", colour=(n, n, n)) for n in range(classes)),
        unlabelled="ignore",
        input=InputCard(mean=(0.485, 0.456, 0.406), std=(0.229, 0.224, 0.225)),
        training=TrainingCard(value=0, epoch=1, epochs=1, seed=0, views="none", dataset_fingerprint="random"),
    )
    checkpoint = path.with_suffix(".safetensors")
    save_checkpoint(checkpoint, build_network(architecture, encoder, classes).eval(), card)
    export_checkpoint(checkpoint, path, [draw_random_image(96, 0)])
    return path


def draw_random_image(side: int, seed: int) -> ImageHWC:
    noise = np.random.default_rng(seed).integers(0, 256, (side, side, 3), dtype=np.uint8)
    return np.asarray(cv2.GaussianBlur(noise, (0, 0), 4), dtype=np.uint8)


def merge_at_classes_row(
    models: list[Path], classes: int, side: int, views: str, runtime: str, rounds: int
) -> str:
    images = [draw_random_image(side, seed) for seed in range(IMAGES)]
    ensembles = {
        place: Ensemble.load(spec_from_models(models, views=views, merge_at=place, runtime=runtime))
        for place in PLACES
    }
    seconds: dict[MergePlace, list[float]] = {place: [] for place in PLACES}
    labels = {}
    for number in range(rounds + 1):
        for place in PLACES if number % 2 == 0 else PLACES[::-1]:
            start = time.perf_counter()
            found = dict(
                ensembles[place].label_all(enumerate(images), lambda key, labels_hw: (key, labels_hw))
            )
            # The first round warms up.
            if number:
                seconds[place].append((time.perf_counter() - start) / IMAGES)
            labels[place] = np.stack([found[key] for key in range(IMAGES)])
    faster = statistics.median(a / b for a, b in zip(seconds["image"], seconds["decoder"], strict=True))
    equal = np.mean(labels["image"] == labels["decoder"])
    image_s, decoder_s = (statistics.median(seconds[place]) for place in PLACES)
    return (
        f"| {classes} | {side}x{side} | {views} | {runtime} | {equal:.2%} | {image_s:.2f} | {decoder_s:.2f}"
        f" | {faster:.2f} |"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--classes", type=int, nargs="+", default=[11, 150])
    parser.add_argument("--sides", type=int, nargs="+", default=[512, 1024])
    parser.add_argument("--views", default="hflip")
    parser.add_argument("--runtimes", nargs="+", default=["openvino"])
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    options.folder.mkdir(parents=True, exist_ok=True)
    print("| classes | image | views | runtime | labels equal | s an image, image | decoder | times faster |")
    print("|---:|---|---|---|---:|---:|---:|---:|")
    for classes in options.classes:
        models = [export_random_network(options.folder, *network, classes) for network in NETWORKS]
        for runtime in options.runtimes:
            for side in options.sides:
                print(
                    merge_at_classes_row(models, classes, side, options.views, runtime, options.rounds),
                    flush=True,
                )


if __name__ == "__main__":
    main()
