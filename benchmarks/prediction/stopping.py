"""What stopping saves, in passes and in time, and what it changes: calibrated on every second image.

    python -m benchmarks.prediction.stopping ensembles/camvid-d4.yaml --tolerances 0.005 0.01 0.02

The other validation images are then run whole, without stopping and at each tolerance, in turns that change
direction; seconds are medians, ratios to the run without stopping are those within a round.
"""

import argparse
import statistics
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import cv2

from benchmarks.prediction.engine import Answer, Track, calibrated_spec, equal_labels
from seg.data import open_split, read_image
from seg.engine import Ensemble
from seg.engine.jobs.stopping import build_stopping
from seg.engine.pipeline.timing import Clock
from seg.labels.label_map import ImageHWC
from seg.spec import load_ensemble
from seg.spec.ensemble.prediction import StoppingSpec


@dataclass
class StoppingRunner:
    """One tolerance, or none: its labels, the passes it took, and the seconds an image of each round."""

    name: str
    stopping: StoppingSpec | None
    seconds: list[float] = field(default_factory=list)
    passes: int = 0
    answer: Answer = field(default_factory=list)

    def run(self, ensemble: Ensemble, images: Sequence[ImageHWC]) -> None:
        clock, start = Clock(), time.perf_counter()
        labelled = ensemble.label_all(
            enumerate(images),
            lambda key, labels_hw: (key, labels_hw),
            stopping=build_stopping(self.stopping, ensemble),
            clock=clock,
        )
        levels = dict(labelled)
        self.seconds.append((time.perf_counter() - start) / len(images))
        self.passes = clock.passes
        self.answer = [levels[key] for key in range(len(images))]


def print_stopping_runs(runners: Sequence[StoppingRunner], track: Track) -> None:
    print("| tolerance | passes saved | labels changed | mIoU | s an image | times faster |")
    print("|---|---:|---:|---:|---:|---:|")
    first = runners[0]
    for one in runners:
        faster = statistics.median(a / b for a, b in zip(first.seconds, one.seconds, strict=True))
        changed = 1 - equal_labels(first.answer, one.answer)
        print(
            f"| {one.name} | {1 - one.passes / first.passes:.1%} | {changed:.3%}"
            f" | {track.miou(one.answer):.4f} | {statistics.median(one.seconds):.3f} | {faster:.2f} |"
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("spec", type=Path)
    parser.add_argument("--tolerances", nargs="+", type=float, default=[0.005, 0.01, 0.02])
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    cv2.setNumThreads(1)
    spec = load_ensemble(options.spec).model_copy(update={"stopping": None})
    split = open_split(spec.data, "val")
    images = [read_image(sample.image) for sample in split.samples]
    track = Track(spec, split, list(range(1, len(images), 2)), images[1::2])
    ensemble = Ensemble.load(spec)
    learnt = calibrated_spec(ensemble, images[::2], options.tolerances[0])
    runners = [StoppingRunner("none", None)] + [
        StoppingRunner(f"{tolerance:.1%}", learnt.model_copy(update={"tolerance": tolerance}))
        for tolerance in options.tolerances
    ]
    for number in range(options.rounds):
        for one in runners if number % 2 == 0 else reversed(runners):
            one.run(ensemble, track.images)
    print(
        f"\n{len(images[::2])} images to calibrate on, {len(track.images)} others, {ensemble.passes} passes\n"
    )
    print_stopping_runs(runners, track)


if __name__ == "__main__":
    main()
