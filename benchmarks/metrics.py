"""Our figures of a submission beside those of torchmetrics, and the time of both, in one run.

python benchmarks/metrics.py SPEC SUBMISSION

The submission is in the format of the spec's output, its images have labels. The time of reading the
submission is left out; ours contains boundaries and bootstrap intervals, which torchmetrics has not.
"""

import sys
import time
from pathlib import Path

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

from seg.engine.submissions import SubmissionSpec
from seg.evaluate.judge import Figures
from seg.evaluate.submission import judge_submission
from seg.labels import IGNORE_INDEX, LabelsHW
from seg.spec import load_ensemble

Pair = tuple[LabelsHW, LabelsHW]
NAMES = ("IoU", "Dice", "precision", "recall")


def pairs_of(known: SubmissionSpec, submission: Path) -> list[Pair]:
    """Truth and prediction of each image."""
    predicted = dict(known.form().read(submission, known.size_of))
    return [(known.split.labels(n), predicted[s.id]) for n, s in enumerate(known.split.samples)]


def theirs(pairs: list[Pair], classes: int) -> tuple[dict[str, list[float]], float]:
    """Each figure of each class, and pixel accuracy."""
    metrics = MetricCollection(
        {
            "IoU": MulticlassJaccardIndex(classes, average="none", ignore_index=IGNORE_INDEX),
            "Dice": MulticlassF1Score(classes, average="none", ignore_index=IGNORE_INDEX),
            "precision": MulticlassPrecision(classes, average="none", ignore_index=IGNORE_INDEX),
            "recall": MulticlassRecall(classes, average="none", ignore_index=IGNORE_INDEX),
            "accuracy": MulticlassAccuracy(classes, average="micro", ignore_index=IGNORE_INDEX),
        }
    )
    for truth_hw, predicted_hw in pairs:
        metrics.update(torch.from_numpy(predicted_hw)[None].long(), torch.from_numpy(truth_hw)[None].long())
    found = metrics.compute()
    return {name: found[name].tolist() for name in NAMES}, float(found["accuracy"])


def ours(figures: Figures) -> dict[str, list[float]]:
    """Each figure of each class; absent ones are 0, as in torchmetrics."""
    return {
        "IoU": [c.iou or 0.0 for c in figures.classes],
        "Dice": [c.dice or 0.0 for c in figures.classes],
        "precision": [c.precision or 0.0 for c in figures.classes],
        "recall": [c.recall or 0.0 for c in figures.classes],
    }


def main() -> None:
    known = SubmissionSpec(load_ensemble(Path(sys.argv[1])))
    submission = Path(sys.argv[2])
    start = time.perf_counter()
    pairs = pairs_of(known, submission)
    reading = time.perf_counter() - start
    start = time.perf_counter()
    figures = judge_submission(known.spec, submission).figures()
    our_seconds = time.perf_counter() - start - reading
    start = time.perf_counter()
    their_classes, their_accuracy = theirs(pairs, len(known.classes))
    their_seconds = time.perf_counter() - start
    our_classes = ours(figures)
    print("| figure | ours | torchmetrics |\n|---|---|---|")
    for name in NAMES:
        print(f"| mean {name} | {np.mean(our_classes[name]):.5f} | {np.mean(their_classes[name]):.5f} |")
    print(f"| pixel accuracy | {figures.pixel_accuracy:.5f} | {their_accuracy:.5f} |")
    for c, one, other in zip(known.classes, our_classes["IoU"], their_classes["IoU"], strict=True):
        print(f"| IoU of {c.name} | {one:.5f} | {other:.5f} |")
    print(f"| seconds for {len(pairs)} images | {our_seconds:.1f} | {their_seconds:.1f} |")


if __name__ == "__main__":
    main()
