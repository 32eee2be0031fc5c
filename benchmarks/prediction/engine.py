"""The engine beside the loops that everyone writes, on the same images and checkpoints.

    python -m benchmarks.prediction.engine ensembles/camvid.yaml --views d4 --images 20
    python -m benchmarks.prediction.engine ensembles/camvid.yaml --also int8=int8.yaml --fused int8.onnx

All answer all images once. Then they take turns in one process, in alternating order, many short rounds of
a few images each, as the speed of a machine drifts. The table has medians over the rounds, ratios to the
first row within a round, labels as the first row's, and mIoU over all images. A second table says where the
time of a whole run goes, from files to the submission.
"""

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Final, Protocol

import cv2
import numpy as np
import torch

from benchmarks.prediction.bare_networks import run_networks
from benchmarks.prediction.plain_loops import FusedLoop, OpenVinoLoop, OrtLoop, TorchLoop
from seg.data import Split, open_split, read_image
from seg.engine import Ensemble
from seg.engine.early_exit.rounds import rank_passes_in_rounds
from seg.engine.early_exit.traces import estimate_risk
from seg.engine.jobs.calibration.calibrate import MAX_RANKED, trace_whole_images
from seg.engine.jobs.predict import run_ensemble
from seg.engine.jobs.stopping import build_stopping
from seg.engine.jobs.summary import STREAM_STAGES
from seg.engine.runtimes.hardware import usable_cores
from seg.engine.runtimes.openvino.runtime import openvino_is_usable
from seg.evaluate.metrics.confusion import ConfusionMatrix
from seg.labels.label_map import ImageHWC, LabelsHW
from seg.spec import EnsembleSpec, load_ensemble
from seg.spec.ensemble.prediction import CalibrationSpec, StoppingSpec
from seg.views import VIEW_SETS

TIMED: Final = 4
"""Images of one round."""

Answer = list[LabelsHW]


class Loop(Protocol):
    """What labels one image after the other."""

    def predict(self, image_hwc: ImageHWC) -> LabelsHW: ...


@dataclass
class Contender:
    """One row: what it does with images, what that gave, and the seconds an image of each round."""

    name: str
    run: Callable[[list[ImageHWC]], Answer]
    seconds: list[float] = field(default_factory=list)
    answer: Answer = field(default_factory=list)

    def race(self, images: list[ImageHWC]) -> None:
        start = time.perf_counter()
        self.run(images)
        self.seconds.append((time.perf_counter() - start) / len(images))


@dataclass(frozen=True)
class Track:
    """What all contenders run on."""

    spec: EnsembleSpec
    split: Split
    indexes: list[int]
    images: list[ImageHWC]

    @classmethod
    def of(cls, spec: EnsembleSpec, count: int) -> "Track":
        split = open_split(spec.data, "val")
        indexes = sorted({round(i) for i in np.linspace(0, len(split.samples) - 1, count)})
        return cls(spec, split, indexes, [read_image(split.samples[index].image) for index in indexes])

    def others(self) -> list[ImageHWC]:
        """The images that no contender is timed on."""
        samples = [s for index, s in enumerate(self.split.samples) if index not in set(self.indexes)]
        return [read_image(sample.image) for sample in samples]

    def miou(self, answer: Answer) -> float:
        matrix = ConfusionMatrix(len(self.split.classes))
        for index, labels_hw in zip(self.indexes, answer, strict=True):
            matrix.add(self.split.labels(index), labels_hw)
        return matrix.scores(self.split.classes).miou


def with_engine(ensemble: Ensemble, images: list[ImageHWC], stopping: StoppingSpec | None = None) -> Answer:
    """Labels of all images, through one stream of passes."""
    labelled = ensemble.label_all(
        enumerate(images),
        lambda key, labels_hw: (key, labels_hw),
        stopping=build_stopping(stopping, ensemble),
    )
    levels = dict(labelled)
    return [levels[key] for key in range(len(images))]


def bare_networks(ensemble: Ensemble, images: list[ImageHWC]) -> Answer:
    """What the networks take by themselves; no labels."""
    run_networks(ensemble, images)
    return []


def loop_one_by_one(loop: Loop) -> Callable[[list[ImageHWC]], Answer]:
    return lambda images: [loop.predict(image_hwc) for image_hwc in images]


def loop_contenders(track: Track, fused: str | None) -> list[Contender]:
    found: list[tuple[str, Loop]] = [
        ("smp + ttach, PyTorch", TorchLoop(track.spec, "fp32")),
        ("the same in bf16 channels_last", TorchLoop(track.spec, "bf16 channels_last")),
        ("ONNX Runtime in a loop", OrtLoop(track.spec)),
    ]
    if openvino_is_usable("f32"):
        found.append(("OpenVINO in a loop", OpenVinoLoop(track.spec)))
    if fused:
        found.append(("the fused file in OpenVINO", FusedLoop(fused)))
    return [Contender(name, loop_one_by_one(loop)) for name, loop in found]


def engine_contenders(
    track: Track, also: Sequence[str], tolerance: float
) -> tuple[list[Contender], Ensemble]:
    fastest_fp32 = "openvino" if openvino_is_usable("f32") else "cpu"
    fp32 = Ensemble.load(track.spec.model_copy(update={"runtime": fastest_fp32}))
    best = Ensemble.load(track.spec.model_copy(update={"runtime": "auto"}))
    print(*(f"- {note}" for note in best.notes), "", sep="\n")
    found = [
        Contender(f"engine, {fastest_fp32}", partial(with_engine, fp32)),
        Contender("engine, auto", partial(with_engine, best)),
    ]
    for one in also:
        name, _, path = one.partition("=")
        spec = load_ensemble(Path(path)).model_copy(update={"views": track.spec.views})
        at_decoder = Ensemble.load(spec.model_copy(update={"merge_at": "decoder"}))
        found.append(Contender(f"engine, {name}, merged at the decoder", partial(with_engine, at_decoder)))
        best = Ensemble.load(spec)
        print(*(f"- {name}: {note}" for note in best.notes), "", sep="\n")
        found.append(Contender(f"engine, {name}", partial(with_engine, best)))
    stopping = calibrated_spec(best, track.others(), tolerance)
    last = found[-1].name
    found += [
        Contender(f"{last}, stopping at {tolerance:.1%}", partial(with_engine, best, stopping=stopping)),
        Contender(f"{last}: its networks alone", partial(bare_networks, best)),
    ]
    return found, best


def calibrated_spec(ensemble: Ensemble, images: list[ImageHWC], tolerance: float) -> StoppingSpec:
    chosen = images[:: max(1, len(images) // MAX_RANKED)][:MAX_RANKED]
    named = (("", image_hwc) for image_hwc in chosen)
    order = rank_passes_in_rounds(ensemble.members, named, ensemble.factors)
    traces = list(trace_whole_images(ensemble, images, None, ensemble.passes_in_order(order)))
    calibration = CalibrationSpec(
        images=len(images), order=order, risk=estimate_risk(traces), fingerprint="of these images"
    )
    return StoppingSpec(tolerance=tolerance, calibration=calibration)


def print_race(contenders: Sequence[Contender], track: Track) -> None:
    first = contenders[0]
    print("| | s an image | times faster | labels equal | mIoU |\n|---|---|---|---|---|")
    for one in contenders:
        seconds = statistics.median(one.seconds)
        faster = statistics.median(a / b for a, b in zip(first.seconds, one.seconds, strict=True))
        figures = (
            f"{equal_labels(first.answer, one.answer):.3%} | {track.miou(one.answer):.4f}"
            if one.answer
            else "|"
        )
        print(f"| {one.name} | {seconds:.3f} | {faster:.2f} | {figures} |")
    engine, stopped, bare = contenders[-3:]
    over = statistics.median(a / b for a, b in zip(engine.seconds, bare.seconds, strict=True))
    print(f"\n{engine.name}: {over:.3f} x its networks alone")
    print(f"{stopped.name}: {1 - equal_labels(engine.answer, stopped.answer):.3%} of labels changed\n")


def equal_labels(ours: Answer, theirs: Answer) -> float:
    return float(np.mean([(a == b).mean() for a, b in zip(ours, theirs, strict=True)]))


def print_breakdown(spec: EnsembleSpec) -> None:
    """A whole run over the validation images, from files to the submission."""
    with tempfile.TemporaryDirectory() as folder:
        output = spec.output.model_copy(update={"file": Path(folder) / "submission.csv", "sample": None})
        data = spec.data.model_copy(update={"predict": spec.data.split("val")})
        summary = run_ensemble(spec.model_copy(update={"output": output, "data": data, "stopping": None}))
    total = summary.streams * summary.seconds
    print(
        f"A whole run: {summary.images} images, {summary.passes} passes, {summary.seconds:.1f} s"
        f" on {summary.streams} streams\n\n| of the streams' time | |\n|---|---|"
    )
    for stage in STREAM_STAGES:
        print(f"| {stage} | {summary.stages.get(stage, 0.0) / total:.2%} |")
    print(f"| idle | {summary.idle / total:.2%} |")
    print(f"| beside them: decode | {summary.stages.get('decode', 0.0) / total:.2%} |")
    print(f"| beside them: write | {summary.stages.get('write', 0.0) / total:.2%} |")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("spec", type=Path)
    parser.add_argument("--views", choices=["none", "hflip", "d4"], default="d4")
    parser.add_argument("--images", type=int, default=20)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--tolerance", type=float, default=0.005)
    parser.add_argument("--also", action="append", default=[], metavar="NAME=SPEC")
    parser.add_argument("--fused", metavar="FILE", help="what seg export --fuse made of one of the specs")
    options = parser.parse_args()
    cv2.setNumThreads(1)
    torch.set_num_threads(usable_cores())

    spec = load_ensemble(options.spec).model_copy(update={"views": VIEW_SETS[options.views]})
    track = Track.of(spec, options.images)
    ours, best = engine_contenders(track, options.also, options.tolerance)
    contenders = [*loop_contenders(track, options.fused), *ours]
    print(f"{len(track.images)} images, {best.passes} passes an image, {usable_cores()} cores\n")
    for one in contenders:
        one.answer = one.run(track.images)
    for number in range(options.rounds):
        for one in contenders if number % 2 == 0 else reversed(contenders):
            one.race(track.images[:: max(1, len(track.images) // TIMED)][:TIMED])
    print_race(contenders, track)
    print_breakdown(spec)


if __name__ == "__main__":
    main()
