"""Prediction from files to the submission, by loops and by the engine; and networks alone."""

import functools
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, cast

import numpy as np
import torch

from benchmarks.engine import bare_networks
from benchmarks.gpu.child import Call, run
from benchmarks.gpu.large import label_in_tiles
from benchmarks.gpu.monitor import Monitor
from benchmarks.gpu.rows import Row
from benchmarks.gpu.workspace import PrecisionName, SceneName
from benchmarks.plain_loops import OrtFusedLoop, OrtLoop, TorchLoop
from seg.classes import ClassInfo
from seg.data import Sample, open_split, read_image
from seg.engine import Ensemble
from seg.engine.calibrate import calibrate_ensemble
from seg.engine.load import probe_frames
from seg.engine.run import run_ensemble
from seg.engine.submissions import open_format
from seg.engine.submissions.protocol import SubmissionFormat
from seg.engine.summary import OF_STREAMS, RunSummary
from seg.labels import ImageHWC, LabelsHW
from seg.model_file import read_model_card
from seg.spec import EnsembleSpec, load_ensemble
from seg.spec.prediction import RuntimeName, StoppingSpec, TileSpec

TOLERANCE: Final = 0.01
CALIBRATED_ON: Final = 48

Labels = dict[str, LabelsHW]
LabelAll = Callable[[Sequence[ImageHWC]], Iterable[LabelsHW]]


@dataclass(frozen=True)
class Contender:
    """A way to predict: what it is called, how it is measured, and the row of its networks alone."""

    title: str
    measure: Callable[[Call, EnsembleSpec, SceneName], tuple[dict[str, float | str], Labels]]
    precision: PrecisionName = "fp32"
    networks: str = ""


def predict(call: Call) -> None:
    key, *scenes = call.arguments
    contender = CONTENDERS[key]
    device = call.workspace.device
    for scene in cast(list[SceneName], scenes):
        if device == "cpu":
            note = "absent: no NVIDIA device is visible; measured on the CPU instead"
            call.add(Row(scene, f"{contender.title}, cuda", status="absent", note=note))
        spec = load_ensemble(call.workspace.spec(scene, contender.precision))
        cells, labels = contender.measure(call, spec, scene)
        if labels:
            save_labels(call.workspace.labels(scene, key), labels)
        call.add(Row(scene, f"{contender.title}, {device}", cells, key, contender.networks))


def save_labels(path: Path, labels: Labels) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    np.savez_compressed(path, allow_pickle=False, **labels)


def by_loop(
    call: Call, spec: EnsembleSpec, scene: SceneName, *, open_loop: Callable[[EnsembleSpec], Any]
) -> tuple[dict[str, float | str], Labels]:
    """Decode, label, and write the submission, image after image or batch after batch, until time is up."""
    scale = call.workspace.scale
    loop = open_loop(spec)
    label_all, at_once = _labeller(loop, scale.loop_batch, spec.tile)
    samples = open_split(spec.data, "predict").samples
    batches = [samples[start : start + at_once] for start in range(0, len(samples), at_once)]
    if scene != "large":
        label_all(_read(batches[0]))
    labels: Labels = {}
    with Monitor() as monitor:
        start = time.perf_counter()
        for batch in batches:
            found = label_all(_read(batch))
            labels |= {one.id: labels_hw for one, labels_hw in zip(batch, found, strict=True)}
            if time.perf_counter() - start > scale.timed_s:
                break
        form(spec).write(spec.output.file, labels.items())
        seconds = time.perf_counter() - start
    return {"images/s": len(labels) / seconds, "images": len(labels), **monitor.cells()}, labels


def _labeller(loop: Any, batch: int, tile: TileSpec | None) -> tuple[LabelAll, int]:
    """What labels some images, and how many at once."""
    if tile is not None:
        return functools.partial(label_in_tiles, loop, tile, batch), 1
    if isinstance(loop, TorchLoop):
        return lambda images: loop.predict_all(np.stack(images)), batch
    return lambda images: [loop.predict(image_hwc) for image_hwc in images], 1


def _read(samples: Sequence[Sample]) -> list[ImageHWC]:
    return [read_image(sample.image) for sample in samples]


def by_engine(
    call: Call,
    spec: EnsembleSpec,
    scene: SceneName,
    *,
    stopping: bool = False,
    runtime: RuntimeName | None = None,
) -> tuple[dict[str, float | str], Labels]:
    """A whole run of `seg ensemble`, after a short one that brings libraries into memory."""
    if runtime:
        spec = spec.model_copy(update={"runtime": runtime})
    if stopping:
        calibration, _ = calibrate_ensemble(spec, "predict", min(CALIBRATED_ON, call.workspace.scale.images))
        spec = spec.model_copy(
            update={"stopping": StoppingSpec(tolerance=TOLERANCE, calibration=calibration)}
        )
    start = time.perf_counter()
    with Monitor() as monitor:
        summary = run_ensemble(spec, restart=True)
    whole = time.perf_counter() - start
    print(summary.text())
    cells: dict[str, float | str] = {
        "images/s": summary.images_now / summary.seconds,
        "images": summary.images_now,
        **monitor.cells(),
        "load and write, s": whole - summary.seconds,
        **shares(summary),
    }
    if stopping:
        cells["passes saved"] = f"{1 - summary.passes / summary.planned:.1%}"
    return cells, dict(written(spec, scene))


def shares(summary: RunSummary) -> dict[str, float | str]:
    """Where the streams' time goes; decoding and writing go on beside."""
    total = summary.streams * summary.seconds
    beside = [stage for stage in summary.stages if stage not in OF_STREAMS]
    return {
        **{stage: f"{summary.stages.get(stage, 0.0) / total:.1%}" for stage in OF_STREAMS},
        "idle": f"{summary.idle / total:.1%}",
        **{f"{stage} (beside)": f"{summary.stages[stage] / total:.1%}" for stage in beside},
    }


def by_networks(call: Call, spec: EnsembleSpec, scene: SceneName) -> tuple[dict[str, float | str], Labels]:
    """The batches of all passes through their networks, and nothing else; no labels."""
    ensemble = Ensemble.load(spec)
    probe = probe_frames(spec)[0]
    images = [probe.frame_hwc] * ensemble.batch_size
    bare_networks(ensemble, images)
    done = 0
    with Monitor() as monitor:
        start = time.perf_counter()
        while (seconds := time.perf_counter() - start) < call.workspace.scale.timed_s / 2:
            bare_networks(ensemble, images)
            done += len(images)
    return {"images/s": done / probe.tiles / seconds, "images": done / probe.tiles, **monitor.cells()}, {}


def written(spec: EnsembleSpec, scene: SceneName) -> Iterator[tuple[str, LabelsHW]]:
    """The label maps of a submission, read back."""
    sizes = {
        sample.id: read_image(sample.image).shape[:2] for sample in open_split(spec.data, "predict").samples
    }
    return form(spec).read(spec.output.file, lambda image_id: cast(tuple[int, int], sizes[image_id]))


def form(spec: EnsembleSpec) -> SubmissionFormat:
    """The spec's submission, for the classes of its models."""
    classes: Sequence[ClassInfo] = read_model_card(spec.model(spec.members[0])).classes
    unlabelled = read_model_card(spec.model(spec.members[0])).unlabelled
    return open_format(spec.output.format, classes, unlabelled, spec.output.rle, str)


def _torch_loop(precision: Any, *, compiled: bool = False) -> Any:
    return functools.partial(by_loop, open_loop=lambda spec: TorchLoop(spec, precision, compiled=compiled))


def _by_fused(call: Call, spec: EnsembleSpec, scene: SceneName) -> tuple[dict[str, float | str], Labels]:
    return by_loop(call, spec, scene, open_loop=lambda _: OrtFusedLoop(str(call.workspace.fused)))


CONTENDERS: Final[dict[str, Contender]] = {
    "loop-fp32": Contender("smp + ttach, fp32", _torch_loop("fp32")),
    "loop-amp": Contender("smp + ttach, AMP channels_last", _torch_loop("AMP channels_last")),
    "loop-compiled": Contender(
        "smp + ttach, AMP channels_last, torch.compile", _torch_loop("AMP channels_last", compiled=True)
    ),
    "loop-ort": Contender("ONNX Runtime in a loop, fp32", functools.partial(by_loop, open_loop=OrtLoop)),
    "engine-fp32": Contender("engine, fp32", by_engine, "fp32", "networks-fp32"),
    "engine-fp16": Contender("engine, fp16", by_engine, "fp16", "networks-fp16"),
    "fused-fp16": Contender("fused file, fp16", _by_fused, "fp16", "networks-fp16"),
    "engine-fp16-stopping": Contender(
        f"engine, fp16, stopping at {TOLERANCE:.0%}", functools.partial(by_engine, stopping=True), "fp16"
    ),
    "networks-fp32": Contender("its networks alone, fp32", by_networks, "fp32"),
    "networks-fp16": Contender("its networks alone, fp16", by_networks, "fp16"),
}


if __name__ == "__main__":
    torch.backends.cuda.matmul.allow_tf32 = True
    run(predict)
