"""Prediction by the loops that everyone writes, from files to the submission."""

import functools
import time
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final

import numpy as np

from benchmarks.gpu.harness.child import StepCall, run_as_child
from benchmarks.gpu.harness.monitor import Monitor
from benchmarks.gpu.prediction import Cells, Contender, Labels, Measure, measure_contender, submission_of
from benchmarks.gpu.steps.large import label_in_tiles
from benchmarks.prediction.plain_loops import OrtFusedLoop, OrtLoop, TorchLoop, TorchPrecision
from seg.data import Sample, open_split, read_image
from seg.labels.label_map import ImageHWC, LabelsHW
from seg.spec import EnsembleSpec
from seg.spec.ensemble.prediction import TileSpec

LabelAll = Callable[[Sequence[ImageHWC]], Iterable[LabelsHW]]
OpenLoop = Callable[[StepCall, EnsembleSpec], Any]


def by_loop(call: StepCall, spec: EnsembleSpec, *, open_loop: OpenLoop) -> tuple[Cells, Labels]:
    """Decode, label and write the submission, batch after batch, until the time is up."""
    scale = call.workspace.scale
    label_all, at_once = _labeller_of_loop(open_loop(call, spec), scale.loop_batch, spec.tile)
    samples = open_split(spec.data, "predict").samples
    batches = [samples[start : start + at_once] for start in range(0, len(samples), at_once)]
    if spec.tile is None:
        label_all(_read_images_for_loop(batches[0]))
    labels: Labels = {}
    with Monitor() as monitor:
        start = time.perf_counter()
        for batch in batches:
            found = label_all(_read_images_for_loop(batch))
            labels |= {one.id: labels_hw for one, labels_hw in zip(batch, found, strict=True)}
            if time.perf_counter() - start > scale.timed_s:
                break
        submission_of(spec).write(spec.output.file, labels.items())
        seconds = time.perf_counter() - start
    return {"images/s": len(labels) / seconds, "images": len(labels), **monitor.cells()}, labels


def _labeller_of_loop(loop: Any, batch: int, tile: TileSpec | None) -> tuple[LabelAll, int]:
    """What labels some images, and how many at once."""
    if tile is not None:
        return functools.partial(label_in_tiles, loop, tile, batch), 1
    if isinstance(loop, TorchLoop):
        return lambda images: loop.predict_all(np.stack(images)), batch
    return lambda images: [loop.predict(image_hwc) for image_hwc in images], 1


def _read_images_for_loop(samples: Sequence[Sample]) -> list[ImageHWC]:
    return [read_image(sample.image) for sample in samples]


def _torch_loop(precision: TorchPrecision, *, compiled: bool = False) -> Measure:
    return functools.partial(by_loop, open_loop=lambda _, spec: TorchLoop(spec, precision, compiled=compiled))


def _fused_loop(call: StepCall, _: EnsembleSpec) -> OrtFusedLoop:
    return OrtFusedLoop(str(call.workspace.fused))


CONTENDERS: Final = {
    "loop-fp32": Contender("smp + ttach, fp32", _torch_loop("fp32")),
    "loop-amp": Contender("smp + ttach, AMP channels_last", _torch_loop("AMP channels_last")),
    "loop-compiled": Contender(
        "smp + ttach, AMP channels_last, torch.compile", _torch_loop("AMP channels_last", compiled=True)
    ),
    "loop-ort": Contender(
        "ONNX Runtime in a loop, fp32",
        functools.partial(by_loop, open_loop=lambda _, spec: OrtLoop(spec)),
    ),
    "loop-fused": Contender(
        "the fused file in a loop, fp16",
        functools.partial(by_loop, open_loop=_fused_loop),
        "fp16",
        "networks-fp16",
    ),
}


if __name__ == "__main__":
    run_as_child(functools.partial(measure_contender, contenders=CONTENDERS))
