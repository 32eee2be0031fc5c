"""Label maps for a grid smaller than the images: ways to get there, and what each scores.

    python -m benchmarks.prediction.smaller_grid ensembles/camvid.yaml --size 256x256

The truth on the grid is that of the nearest pixel, as contests make it, and once more the class of most of
a cell's area.
"""

import argparse
from pathlib import Path

import cv2
import numpy as np

from seg.data import open_split, read_image
from seg.engine import Ensemble
from seg.engine.merging.decision import decide_labels
from seg.engine.passes.passes import Size
from seg.evaluate.metrics.confusion import ConfusionMatrix
from seg.evaluate.metrics.segmentation import mean_iou
from seg.labels.label_map import IGNORE_INDEX, LabelsHW, ProbabilitiesCHW
from seg.spec import load_ensemble


def shrink_by_nearest(labels_hw: LabelsHW, size_hw: Size) -> LabelsHW:
    smaller_hw: LabelsHW = cv2.resize(labels_hw, size_hw[::-1], interpolation=cv2.INTER_NEAREST_EXACT).astype(
        np.uint8
    )
    return smaller_hw


def shrink_by_most_area(labels_hw: LabelsHW, size_hw: Size, classes: int) -> LabelsHW:
    """The class of most of a cell's area; the ignore index counts as a class of its own."""
    rows = [*range(classes), IGNORE_INDEX]
    planes = [(labels_hw == label).astype(np.float32) for label in rows]
    shares = np.stack([cv2.resize(plane, size_hw[::-1], interpolation=cv2.INTER_AREA) for plane in planes])
    smaller_hw: LabelsHW = np.array(rows, dtype=np.uint8)[shares.argmax(0)]
    return smaller_hw


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("spec", type=Path)
    parser.add_argument("--size", default="256x256")
    options = parser.parse_args()
    height, width = map(int, options.size.split("x"))
    size_hw = height, width
    spec = load_ensemble(options.spec)
    split, ensemble = open_split(spec.data, "val"), Ensemble.load(spec)
    classes = len(ensemble.classes)
    truths = ("nearest pixel", "most of the area")
    ways = (
        "probabilities by area, then the class",
        "the class, then the nearest pixel",
        "the class, then most of the area",
    )
    matrices = {(way, truth): ConfusionMatrix(classes) for way in ways for truth in truths}

    def count(index: int, merged_chw: ProbabilitiesCHW) -> None:
        labels_hw, truth_hw = decide_labels(merged_chw), split.labels(index)
        found = dict(
            zip(
                ways,
                (
                    decide_labels(merged_chw, size_hw),
                    shrink_by_nearest(labels_hw, size_hw),
                    shrink_by_most_area(labels_hw, size_hw, classes),
                ),
                strict=True,
            )
        )
        expected = dict(
            zip(
                truths,
                (shrink_by_nearest(truth_hw, size_hw), shrink_by_most_area(truth_hw, size_hw, classes)),
                strict=True,
            )
        )
        for (way, truth), matrix in matrices.items():
            matrix.add(expected[truth], found[way])

    images = ((index, read_image(sample.image)) for index, sample in enumerate(split.samples))
    for _ in ensemble.predict_all(images, count):
        pass
    print(f"mIoU on {options.size} against the truth of the\n\n| | {' | '.join(truths)} |\n|---|---:|---:|")
    for way in ways:
        print(f"| {way} | {' | '.join(f'{mean_iou(matrices[way, t].counts_cc):.4f}' for t in truths)} |")


if __name__ == "__main__":
    main()
