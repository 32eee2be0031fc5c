"""A vote over submissions of pixel strings: `seg vote`, and the three loops that notebooks have.

    python -m benchmarks.votes --submissions 15 --images 800 --side 256

The loops take a few of the images, and their time is extrapolated; there both must choose the same classes.
"""

import argparse
import csv
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np

from seg.engine.submissions import open_submission_format
from seg.evaluate.vote import vote_submissions
from seg.labels.classes import ClassInfo
from seg.labels.label_map import LabelsHW
from seg.spec.ensemble.output import OutputSpec

CLASSES = 12
BLOBS = 8
SAMPLE = 4


def draw_scene_to_vote(random: np.random.Generator, side: int, common: np.ndarray) -> LabelsHW:
    """Smooth blobs of all classes, much as in the other submissions."""
    noise = common + random.normal(0, 0.7, common.shape)
    planes = [cv2.resize(plane, (side, side), interpolation=cv2.INTER_CUBIC) for plane in noise]
    labels_hw: LabelsHW = np.argmax(planes, axis=0).astype(np.uint8)
    return labels_hw


def vote_by_three_loops(rows: Sequence[list[str]], weights: Sequence[float]) -> list[str]:
    """For each image, for each pixel, for each submission; ties go to the class that came first."""
    voted = []
    for strings in zip(*rows, strict=True):
        pixels = [text.split() for text in strings]
        chosen = []
        for pixel in range(len(pixels[0])):
            votes: dict[str, float] = {}
            for words, weight in zip(pixels, weights, strict=True):
                votes[words[pixel]] = votes.get(words[pixel], 0.0) + weight
            chosen.append(max(votes, key=lambda word: votes[word]))
        voted.append(" ".join(chosen))
    return voted


def strings_of(path: Path, count: int) -> list[str]:
    csv.field_size_limit(2**30)
    with path.open(encoding="utf-8", newline="") as file:
        rows = csv.reader(file)
        next(rows)
        return [row[1] for _, row in zip(range(count), rows, strict=False)]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--submissions", type=int, default=15)
    parser.add_argument("--images", type=int, default=800)
    parser.add_argument("--side", type=int, default=256)
    options = parser.parse_args()
    classes = [ClassInfo(id=number, name=f"class {number}", colour=(0, 0, 0)) for number in range(CLASSES)]
    form = open_submission_format(OutputSpec(format="pixels"), classes, "ignore", str)
    # Odd and uneven, so that no weights add up to a tie.
    weights = [1 + 0.37**position for position in range(options.submissions)]
    with tempfile.TemporaryDirectory() as folder:
        paths = [Path(folder) / f"{number}.csv" for number in range(options.submissions)]
        for number, path in enumerate(paths):
            random = np.random.default_rng(number)
            commons = (
                np.random.default_rng(10_000 + image).normal(0, 1, (CLASSES, BLOBS, BLOBS)).astype(np.float32)
                for image in range(options.images)
            )
            form.write(
                path,
                ((f"{i:04}", draw_scene_to_vote(random, options.side, c)) for i, c in enumerate(commons)),
            )
        start = time.perf_counter()
        voted = vote_submissions(
            form,
            paths,
            Path(folder) / "voted.csv",
            weights=weights,
            classes=CLASSES,
            size_of=lambda _: (options.side, options.side),
        )
        ours = time.perf_counter() - start
        sample = min(SAMPLE, options.images)
        start = time.perf_counter()
        theirs = vote_by_three_loops([strings_of(path, sample) for path in paths], weights)
        loops = (time.perf_counter() - start) * options.images / sample
        same = np.mean(
            [
                np.mean(np.array(a.split()) == np.array(b.split()))
                for a, b in zip(theirs, strings_of(Path(folder) / "voted.csv", sample), strict=True)
            ]
        )
    print(f"{options.submissions} submissions, {voted.images} images of {options.side}x{options.side}")
    print("| | s | times faster |\n|---|---:|---:|")
    print(f"| three loops, extrapolated from {sample} images | {loops:.0f} | 1 |")
    print(f"| seg vote | {ours:.1f} | {loops / ours:.0f} |")
    print(f"\n{same:.4%} of labels are the same")


if __name__ == "__main__":
    main()
