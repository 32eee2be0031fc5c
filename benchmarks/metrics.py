"""Our figures beside those of torchmetrics, on the same label maps.

    python -m benchmarks.metrics ensembles/camvid.yaml

The ensemble labels the validation images once; both then count the same labels, in turns, and all but the
boundaries is compared: torchmetrics has none.
"""

import argparse
import statistics
import time
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from torchmetrics import MetricCollection
from torchmetrics.classification import (
    MulticlassAccuracy,
    MulticlassF1Score,
    MulticlassJaccardIndex,
    MulticlassPrecision,
    MulticlassRecall,
)

from seg.classes import ClassInfo
from seg.data import open_split, read_image
from seg.engine import Ensemble
from seg.evaluate.judge import iou_of
from seg.evaluate.metrics import ConfusionMatrix, CountsCC
from seg.labels import IGNORE_INDEX, LabelsHW
from seg.spec import load_ensemble

ROUNDS: Final = 3

Pair = tuple[LabelsHW, LabelsHW]
"""Truth and prediction."""


def label_all(spec_path: Path) -> tuple[tuple[ClassInfo, ...], list[Pair]]:
    spec = load_ensemble(spec_path)
    split, ensemble = open_split(spec.data, "val"), Ensemble.load(spec)
    images = ((index, read_image(sample.image)) for index, sample in enumerate(split.samples))
    found = dict(ensemble.label_all(images, lambda index, labels_hw: (index, labels_hw)))
    return ensemble.classes, [(split.labels(index), found[index]) for index in sorted(found)]


def count_ours(pairs: list[Pair], classes: int) -> CountsCC:
    matrix = ConfusionMatrix(classes)
    for truth_hw, predicted_hw in pairs:
        matrix.add(truth_hw, predicted_hw)
    return matrix.counts_cc


def count_theirs(pairs: list[Pair], classes: int) -> dict[str, torch.Tensor]:
    said: dict[str, Any] = {"num_classes": classes, "average": "none", "ignore_index": IGNORE_INDEX}
    metrics = MetricCollection(
        {
            "IoU": MulticlassJaccardIndex(**said),
            "Dice": MulticlassF1Score(**said),
            "precision": MulticlassPrecision(**said),
            "recall": MulticlassRecall(**said),
            "pixel accuracy": MulticlassAccuracy(**said | {"average": "micro"}),
        }
    )
    for truth_hw, predicted_hw in pairs:
        metrics.update(torch.from_numpy(predicted_hw)[None].int(), torch.from_numpy(truth_hw)[None].int())
    return metrics.compute()


def print_figures(
    counts_cc: CountsCC, theirs: dict[str, torch.Tensor], classes: tuple[ClassInfo, ...]
) -> None:
    hit, truth, predicted = np.diag(counts_cc), counts_cc.sum(1), counts_cc.sum(0)
    ours = {
        "IoU": iou_of(counts_cc),
        "Dice": 2 * hit / (truth + predicted),
        "precision": hit / predicted,
        "recall": hit / truth,
    }
    print(f"| | {' | '.join(f'{name} | torchmetrics' for name in ours)} |\n|---|{'---:|' * 2 * len(ours)}")
    rows = [(c.name, [(ours[n][i], float(theirs[n][i])) for n in ours]) for i, c in enumerate(classes)]
    rows.append(("mean", [(float(ours[n].mean()), float(theirs[n].mean())) for n in ours]))
    for name, cells in rows:
        print(f"| {name} | {' | '.join(f'{a:.4f} | {b:.4f}' for a, b in cells)} |")
    furthest = max(float(np.abs(ours[name] - theirs[name].numpy()).max()) for name in ours)
    accuracy = hit.sum() / counts_cc.sum(), float(theirs["pixel accuracy"])
    print(f"\npixel accuracy {accuracy[0]:.6f} and {accuracy[1]:.6f}; furthest apart by {furthest:.1e}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("spec", type=Path)
    classes, pairs = label_all(parser.parse_args().spec)
    seconds: dict[str, list[float]] = {"ours": [], "torchmetrics": []}
    for _ in range(ROUNDS):
        start = time.perf_counter()
        counts_cc = count_ours(pairs, len(classes))
        middle = time.perf_counter()
        theirs = count_theirs(pairs, len(classes))
        seconds["ours"].append(middle - start)
        seconds["torchmetrics"].append(time.perf_counter() - middle)
    print_figures(counts_cc, theirs, classes)
    each = {name: statistics.median(rounds) / len(pairs) * 1e3 for name, rounds in seconds.items()}
    ratio = each["torchmetrics"] / each["ours"]
    print(f"ms an image: {each['ours']:.2f} and {each['torchmetrics']:.2f}, {ratio:.1f} times as long")


if __name__ == "__main__":
    main()
