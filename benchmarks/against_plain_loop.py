"""The engine beside the loop that everyone writes: smp networks and ttach views in PyTorch.

    python benchmarks/against_plain_loop.py ensembles/mine.yaml --images 20 --rounds 2

Same checkpoints, same images, same views, in one process and in turn; the medians over the rounds are
printed as a table, with the labels compared and mIoU beside.
"""

import argparse
import statistics
import time
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import torch
import ttach
from torch import nn

from seg.data import Split, open_split, read_image
from seg.engine import Ensemble
from seg.evaluate.metrics import ConfusionMatrix
from seg.labels import ImageHWC, LabelsHW
from seg.spec import EnsembleSpec, load_ensemble
from seg.train.checkpoint import load_checkpoint
from seg.views import VIEW_SETS

TTACH = {
    VIEW_SETS["none"]: ttach.Compose([]),
    VIEW_SETS["hflip"]: ttach.aliases.hflip_transform(),
    VIEW_SETS["d4"]: ttach.aliases.d4_transform(),
}


class PlainLoop:
    """For each image, each model, each view: pad, normalise, network, softmax, mean."""

    def __init__(self, spec: EnsembleSpec) -> None:
        self.weights = [member.weight for member in spec.members]
        self.models = [load_checkpoint(spec.checkpoint(member)) for member in spec.members]
        self.views = TTACH[spec.views]

    def predict(self, image_hwc: ImageHWC) -> LabelsHW:
        image = torch.from_numpy(image_hwc).permute(2, 0, 1)[None]
        total: torch.Tensor | float = 0.0
        with torch.inference_mode():
            for weight, (network, card) in zip(self.weights, self.models, strict=True):
                mean, std = (torch.tensor(v).view(1, 3, 1, 1) for v in (card.input.mean, card.input.std))
                answers = []
                for view in self.views:
                    seen = (view.augment_image(image).float() / 255 - mean) / std
                    answers.append(view.deaugment_mask(self._softmax(network, seen)))
                total = total + weight * torch.stack(answers).mean(0)
        return torch.as_tensor(total).argmax(1)[0].numpy().astype(np.uint8)

    @staticmethod
    def _softmax(network: nn.Module, seen: torch.Tensor) -> torch.Tensor:
        height, width = seen.shape[2:]
        padded = nn.functional.pad(seen, (0, -width % 32, 0, -height % 32), mode="replicate")
        logits: torch.Tensor = network(padded)
        return logits[..., :height, :width].softmax(1)


def with_engine(ensemble: Ensemble, images: list[ImageHWC]) -> list[LabelsHW]:
    """Labels of all images, through one stream of passes."""
    from seg.engine.decide import decide

    answers = dict(ensemble.predict_all(enumerate(images), lambda key, merged: (key, decide(merged))))
    return [answers[key] for key in range(len(images))]


def miou(split: Split, indexes: list[int], answers: list[LabelsHW]) -> float:
    matrix = ConfusionMatrix(len(split.classes))
    for index, labels_hw in zip(indexes, answers, strict=True):
        matrix.add(split.labels(index), labels_hw)
    return matrix.scores(split.classes).miou


def timed(run: Callable[[], list[LabelsHW]]) -> tuple[float, list[LabelsHW]]:
    start = time.perf_counter()
    answers = run()
    return time.perf_counter() - start, answers


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("spec", type=Path)
    parser.add_argument("--images", type=int, default=20)
    parser.add_argument("--rounds", type=int, default=2)
    options = parser.parse_args()
    cv2.setNumThreads(1)

    spec = load_ensemble(options.spec)
    split = open_split(spec.data, "val")
    indexes = [round(i) for i in np.linspace(0, len(split.samples) - 1, options.images)]
    images = [read_image(split.samples[index].image) for index in indexes]
    plain, ensemble = PlainLoop(spec), Ensemble.load(spec)
    runs: dict[str, Callable[[], list[LabelsHW]]] = {
        "smp + ttach, PyTorch": lambda: [plain.predict(image) for image in images],
        f"engine, {ensemble.members[0].runtime.describe()}": lambda: with_engine(ensemble, images),
    }
    seconds: dict[str, list[float]] = {name: [] for name in runs}
    answers: dict[str, list[LabelsHW]] = {}
    for number in range(options.rounds):
        for name in list(runs) if number % 2 == 0 else list(reversed(runs)):
            elapsed, answers[name] = timed(runs[name])
            seconds[name].append(elapsed)

    reference = next(iter(runs))
    passes = sum(len(member.views) for member in ensemble.members)
    print(f"{len(images)} images, {passes} passes an image, {torch.get_num_threads()} threads\n")
    print("| | s an image | times faster | labels equal | mIoU |\n|---|---|---|---|---|")
    for name in runs:
        median = statistics.median(seconds[name])
        faster = statistics.median(a / b for a, b in zip(seconds[reference], seconds[name], strict=True))
        equal = np.mean([(a == b).mean() for a, b in zip(answers[reference], answers[name], strict=True)])
        score = miou(split, indexes, answers[name])
        print(f"| {name} | {median / len(images):.3f} | {faster:.2f} | {equal:.4%} | {score:.4f} |")


if __name__ == "__main__":
    main()
