"""Run lengths of a label map: ours, the loop over classes that most notebooks have, and pycocotools.

    python benchmarks/run_lengths.py

All are timed in turns in one run; the table shows medians and how many times faster ours is than each.
"""

import statistics
import time
from collections.abc import Callable

import cv2
import numpy as np
from pycocotools import mask as coco_mask

from seg.engine.submissions.tables import rle
from seg.labels.label_map import LabelsHW

Way = Callable[[], object]

CLASSES = 12
ROUNDS = 9
BLOBS = 16


def draw_scene_to_encode(side: int) -> LabelsHW:
    """Smooth blobs of all classes."""
    noise = np.random.default_rng(0).normal(size=(CLASSES, BLOBS, BLOBS)).astype(np.float32)
    planes = [cv2.resize(plane, (side, side), interpolation=cv2.INTER_CUBIC) for plane in noise]
    labels_hw: LabelsHW = np.argmax(planes, axis=0).astype(np.uint8)
    return labels_hw


def notebook_encode(labels_hw: LabelsHW) -> list[str]:
    """The usual recipe, class by class: pad, find changes, subtract."""
    texts = []
    for label in range(CLASSES):
        pixels = np.concatenate([[0], (labels_hw == label).T.flatten(), [0]])
        runs = np.where(pixels[1:] != pixels[:-1])[0] + 1
        runs[1::2] -= runs[::2]
        texts.append(" ".join(str(number) for number in runs))
    return texts


def notebook_decode(texts: list[str], side: int) -> LabelsHW:
    labels = np.zeros(side * side, dtype=np.uint8)
    for label, text in enumerate(texts):
        numbers = np.asarray(text.split(), dtype=int)
        for start, length in zip(numbers[::2] - 1, numbers[1::2], strict=True):
            labels[start : start + length] = label
    return labels.reshape(side, side).T


def our_decode(texts: list[str], side: int) -> LabelsHW:
    pixels = rle.merge_runs([rle.parse_rle(text, side * side) for text in texts], side * side, 0)
    return rle.reshape_in_rle_order(pixels, (side, side), rle.KAGGLE)


def coco_encode(labels_hw: LabelsHW) -> list[dict[str, bytes]]:
    masks = np.asfortranarray(
        np.stack([labels_hw == label for label in range(CLASSES)], axis=-1), dtype=np.uint8
    )
    encoded: list[dict[str, bytes]] = coco_mask.encode(masks)
    return encoded


def coco_decode(encoded: list[dict[str, bytes]]) -> LabelsHW:
    labels_hw: LabelsHW = coco_mask.decode(encoded).argmax(-1).astype(np.uint8)
    return labels_hw


def median_milliseconds(ways: dict[str, Way]) -> dict[str, float]:
    """Milliseconds of each, in turns."""
    seconds: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(ROUNDS):
        for name, way in ways.items():
            start = time.perf_counter()
            way()
            seconds[name].append(time.perf_counter() - start)
    return {name: 1e3 * statistics.median(values) for name, values in seconds.items()}


def main() -> None:
    print(f"{CLASSES} classes; ms an image, and times slower than ours")
    for side in (512, 2048):
        labels_hw = draw_scene_to_encode(side)
        texts = rle.encode_rle(labels_hw, CLASSES)
        encoded = coco_encode(labels_hw)
        if texts != notebook_encode(labels_hw):
            raise SystemExit("the encoders disagree")
        for decoded_hw in (our_decode(texts, side), notebook_decode(texts, side), coco_decode(encoded)):
            if not np.array_equal(decoded_hw, labels_hw):
                raise SystemExit("the decoders disagree")
        print_run_length_times(side, "encode", run_length_encoders(labels_hw))
        print_run_length_times(side, "decode", run_length_decoders(texts, encoded, side))


def run_length_encoders(labels_hw: LabelsHW) -> dict[str, Way]:
    return {
        "ours": lambda: rle.encode_rle(labels_hw, CLASSES),
        "notebook": lambda: notebook_encode(labels_hw),
        "pycocotools": lambda: coco_encode(labels_hw),
    }


def run_length_decoders(texts: list[str], encoded: list[dict[str, bytes]], side: int) -> dict[str, Way]:
    return {
        "ours": lambda: our_decode(texts, side),
        "notebook": lambda: notebook_decode(texts, side),
        "pycocotools": lambda: coco_decode(encoded),
    }


def print_run_length_times(side: int, title: str, ways: dict[str, Way]) -> None:
    found = median_milliseconds(ways)
    row = "  ".join(f"{name} {ms:8.2f} ({ms / found['ours']:.1f}x)" for name, ms in found.items())
    print(f"{side:5d}  {title}  {row}")


if __name__ == "__main__":
    main()
