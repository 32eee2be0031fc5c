"""Our figures beside those of torchmetrics, and our boundaries beside scipy's, on the same label maps.

    python -m benchmarks.metrics ensembles/camvid.yaml

The ensemble labels the validation images once; both then count the same labels, in turns. What torchmetrics
lacks, boundaries, is counted a second time by scipy's erosion and exact distances.
"""

import argparse
import math
import statistics
import time
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import ndimage
from torchmetrics import MetricCollection
from torchmetrics.classification import (
    MulticlassAccuracy,
    MulticlassF1Score,
    MulticlassJaccardIndex,
    MulticlassPrecision,
    MulticlassRecall,
)

from seg.data import open_split, read_image
from seg.engine import Ensemble
from seg.evaluate.metrics.boundary import BAND, NEAR, BoundaryC6, boundary_f, boundary_iou, count_boundaries
from seg.evaluate.metrics.confusion import ConfusionMatrix, CountsCC, totals_of_confusion
from seg.evaluate.metrics.segmentation import iou_of_confusion
from seg.labels.classes import ClassInfo
from seg.labels.label_map import IGNORE_INDEX, LabelsHW
from seg.spec import load_ensemble

ROUNDS: Final = 3

Pair = tuple[LabelsHW, LabelsHW]
"""Truth and prediction."""


def label_all_for_metrics(spec_path: Path) -> tuple[tuple[ClassInfo, ...], list[Pair]]:
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


def print_beside_torchmetrics(
    counts_cc: CountsCC, theirs: dict[str, torch.Tensor], classes: tuple[ClassInfo, ...]
) -> None:
    hit, truth, predicted = totals_of_confusion(counts_cc)
    ours = {
        "IoU": iou_of_confusion(counts_cc),
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


def count_boundaries_by_scipy(pairs: list[Pair], classes: int) -> BoundaryC6:
    """As `count_boundaries` counts one image, summed over all."""
    total = np.zeros((classes, 6), dtype=np.int64)
    for truth_hw, predicted_hw in pairs:
        known_hw = truth_hw != IGNORE_INDEX
        diagonal = math.hypot(*truth_hw.shape)
        band, near = (max(1, round(share * diagonal)) for share in (BAND, NEAR))
        for label in range(classes):
            masks = [(truth_hw == label) | (~known_hw & (predicted_hw == label)), predicted_hw == label]
            bands = [outermost_pixels(mask_hw, band) & known_hw for mask_hw in masks]
            lines = [outermost_pixels(mask_hw, 1) & known_hw for mask_hw in masks]
            met = [is_near(lines[1 - k], near)[lines[k]].sum() for k in range(2)]
            area = (bands[0] & bands[1]).sum(), (bands[0] | bands[1]).sum()
            total[label] += [*area, met[1], lines[1].sum(), met[0], lines[0].sum()]
    return total


def outermost_pixels(mask_hw: NDArray[np.bool_], steps: int) -> NDArray[np.bool_]:
    eroded_hw: NDArray[np.bool_] = ndimage.binary_erosion(mask_hw, np.ones((3, 3)), iterations=steps)
    return mask_hw & ~eroded_hw


def is_near(line_hw: NDArray[np.bool_], near: int) -> NDArray[np.bool_]:
    if not line_hw.any():
        return line_hw
    distance_hw: NDArray[np.float64] = ndimage.distance_transform_edt(~line_hw)
    return distance_hw <= near


def print_boundaries(pairs: list[Pair], classes: tuple[ClassInfo, ...]) -> None:
    start = time.perf_counter()
    ours = sum(
        (count_boundaries(*pair, len(classes)) for pair in pairs), np.zeros((len(classes), 6), dtype=np.int64)
    )
    middle = time.perf_counter()
    theirs = count_boundaries_by_scipy(pairs, len(classes))
    seconds = middle - start, time.perf_counter() - middle
    print("\n| | boundary IoU | scipy | boundary F | scipy |\n|---|---:|---:|---:|---:|")
    columns = [figure(counts) for figure in (boundary_iou, boundary_f) for counts in (ours, theirs)]
    for position, c in enumerate(classes):
        print(f"| {c.name} | {' | '.join(f'{column[position]:.4f}' for column in columns)} |")
    print(f"| mean | {' | '.join(f'{np.nanmean(column):.4f}' for column in columns)} |")
    each = [one / len(pairs) * 1e3 for one in seconds]
    print(f"\ncounts that differ: {(ours != theirs).sum()}; ms an image: {each[0]:.1f} and {each[1]:.1f}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("spec", type=Path)
    classes, pairs = label_all_for_metrics(parser.parse_args().spec)
    seconds: dict[str, list[float]] = {"ours": [], "torchmetrics": []}
    for _ in range(ROUNDS):
        start = time.perf_counter()
        counts_cc = count_ours(pairs, len(classes))
        middle = time.perf_counter()
        theirs = count_theirs(pairs, len(classes))
        seconds["ours"].append(middle - start)
        seconds["torchmetrics"].append(time.perf_counter() - middle)
    print_beside_torchmetrics(counts_cc, theirs, classes)
    each = {name: statistics.median(rounds) / len(pairs) * 1e3 for name, rounds in seconds.items()}
    ratio = each["torchmetrics"] / each["ours"]
    print(f"ms an image: {each['ours']:.2f} and {each['torchmetrics']:.2f}, {ratio:.1f} times as long")
    print_boundaries(pairs, classes)


if __name__ == "__main__":
    main()
