"""Prediction by the engine, from files to the submission, and its networks alone; without PyTorch."""

import functools
import time
from typing import Final

from benchmarks.gpu.harness.child import StepCall, run_as_child
from benchmarks.gpu.harness.monitor import Monitor
from benchmarks.gpu.prediction import Cells, Contender, Labels, measure_contender, written_labels
from benchmarks.prediction.bare_networks import run_networks
from seg.engine import Ensemble
from seg.engine.jobs.calibration.calibrate import calibrate_ensemble
from seg.engine.jobs.predict import run_ensemble
from seg.engine.jobs.summary import STREAM_STAGES, RunSummary
from seg.engine.resolved import resolve_ensemble
from seg.spec import EnsembleSpec
from seg.spec.ensemble.prediction import StoppingSpec

TOLERANCE: Final = 0.01
CALIBRATED_ON: Final = 48


def by_engine(_: StepCall, spec: EnsembleSpec) -> tuple[Cells, Labels]:
    """A whole run of `seg ensemble`; its images a second are those between the first and the last."""
    start = time.perf_counter()
    with Monitor() as monitor:
        summary = run_ensemble(spec, restart=True)
    whole = time.perf_counter() - start
    print(summary.text())
    cells: Cells = {
        "images/s": summary.images_now / summary.seconds,
        "images": summary.images_now,
        **monitor.cells(),
        "load and write, s": whole - summary.seconds,
        **shares_of_stream_time(summary),
    }
    if spec.stopping:
        cells["passes saved"] = f"{1 - summary.passes / summary.planned:.1%}"
    return cells, dict(written_labels(spec))


def by_stopping_engine(call: StepCall, spec: EnsembleSpec) -> tuple[Cells, Labels]:
    """The same, calibrated beforehand on some of the images."""
    count = min(CALIBRATED_ON, call.workspace.scale.images)
    calibration, _ = calibrate_ensemble(spec, "predict", count)
    stopping = StoppingSpec(tolerance=TOLERANCE, calibration=calibration)
    return by_engine(call, spec.model_copy(update={"stopping": stopping}))


def shares_of_stream_time(summary: RunSummary) -> Cells:
    """Where the streams' time goes; decoding and writing go on beside."""
    total = summary.streams * summary.seconds
    beside = [stage for stage in summary.stages if stage not in STREAM_STAGES]
    return {
        **{stage: f"{summary.stages.get(stage, 0.0) / total:.1%}" for stage in STREAM_STAGES},
        "idle": f"{summary.idle / total:.1%}",
        **{f"{stage} (beside)": f"{summary.stages[stage] / total:.1%}" for stage in beside},
    }


def by_networks(call: StepCall, spec: EnsembleSpec) -> tuple[Cells, Labels]:
    """The batches of all passes through their networks, and nothing else; no labels."""
    resolved = resolve_ensemble(spec)
    ensemble = Ensemble.of(resolved)
    probe = resolved.sample_frames[0]
    images = [probe.frame_hwc] * ensemble.batch_size
    run_networks(ensemble, images)
    done, seconds = 0, 0.0
    with Monitor() as monitor:
        start = time.perf_counter()
        while seconds < call.workspace.scale.timed_s / 2:
            run_networks(ensemble, images)
            done += len(images)
            seconds = time.perf_counter() - start
    frames = done / probe.tiles
    return {"images/s": frames / seconds, "images": frames, **monitor.cells()}, {}


CONTENDERS: Final = {
    "engine-fp32": Contender("engine, fp32", by_engine, "fp32", "networks-fp32"),
    "engine-fp16": Contender("engine, fp16", by_engine, "fp16", "networks-fp16"),
    "engine-fp16-stopping": Contender(
        f"engine, fp16, stopping at {TOLERANCE:.0%}", by_stopping_engine, "fp16", "networks-fp16"
    ),
    "networks-fp32": Contender("its networks alone, fp32", by_networks, "fp32"),
    "networks-fp16": Contender("its networks alone, fp16", by_networks, "fp16"),
}


if __name__ == "__main__":
    run_as_child(functools.partial(measure_contender, contenders=CONTENDERS))
