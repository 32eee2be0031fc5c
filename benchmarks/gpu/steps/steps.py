"""The steps, the most valuable first: what the aims are about, then what stands beside it."""

from collections.abc import Iterator

from benchmarks.gpu.harness.harness import Step
from benchmarks.gpu.workspace import Workspace

TWO_SCENES = ("d4", "hflip")
FIRST = ("engine-fp16", "loop-amp", "networks-fp16")
"""What the others are compared with."""


def gpu_benchmark_steps(workspace: Workspace) -> list[Step]:
    """All steps of a run. Each takes what it needs from the files of those before it."""
    return [_benchmark_step(workspace, *step) for step in _all_steps(workspace)]


_StepEntry = tuple[str, str, float, tuple[str, ...]]
"""Name, section, limit in seconds, and the module with its arguments."""


def _all_steps(workspace: Workspace) -> Iterator[_StepEntry]:
    yield "doctor", "machine", 90, ("checks", "doctor")
    yield "draw images", "machine", 90, ("images",)
    yield from _training_step(workspace, "seg", 75)
    yield from (_export_step(precision, 120) for precision in ("fp32", "fp16"))
    yield from (
        _predict_step(one, 60, *TWO_SCENES) for one in (*FIRST, "engine-fp32", "networks-fp32", "loop-fp32")
    )
    yield _predict_step("loop-compiled", 120, "d4")
    yield "pytest -m gpu", "machine", 90, ("checks", "pytest")
    yield from _training_step(workspace, "plain", 75)
    yield _predict_step("engine-fp16-stopping", 60, "d4")
    yield "export of many classes", "classes", 60, ("export", "classes")
    yield from (_predict_step(one, 40, "classes") for one in FIRST)
    yield from (_predict_step(one, 60, "large") for one in FIRST)
    yield from (
        (f"runtime {name}", "tensorrt", 90, ("tensorrt", name)) for name in ("tensorrt", "tensorrt-plan")
    )
    yield from (
        (f"options: {what}", "options", 60, ("cuda_options", what))
        for what in ("streams", "options", "graph", "waiting")
    )
    yield "kill and resume", "training", 60, ("resume",)
    yield "batch_size: auto", "training", 60, ("batch_size",)
    yield _export_step("fused", 90)
    yield _predict_step("loop-fused", 40, "d4")
    yield _predict_step("loop-ort", 40, *TWO_SCENES)
    for scene in ("classes", "large"):
        yield from (_predict_step(one, 40, scene) for one in ("engine-fp32", "networks-fp32", "loop-fp32"))
    yield from _training_step(workspace, "compiled", 120)
    yield _export_step("auto", 90)


def _training_step(workspace: Workspace, by: str, limit_s: float) -> Iterator[_StepEntry]:
    """The third member is trained to be predicted with, and its training compared with nothing."""
    compared = workspace.scale.networks if by == "seg" else workspace.scale.networks[:2]
    for network in compared:
        yield f"train {network.name}: {by}", "training", limit_s, ("train", by, network.name)


def _export_step(what: str, limit_s: float) -> _StepEntry:
    return f"export {what}", "export", limit_s, ("export", what)


def _predict_step(contender: str, limit_s: float, *scenes: str) -> _StepEntry:
    module = "predict_loops" if contender.startswith("loop") else "predict_engine"
    return f"predict {'+'.join(scenes)}: {contender}", scenes[0], limit_s, (module, contender, *scenes)


def _benchmark_step(
    workspace: Workspace, name: str, section: str, limit_s: float, call: tuple[str, ...]
) -> Step:
    module, *arguments = call
    small = ("--small",) if workspace.is_small else ()
    command = ("-m", f"benchmarks.gpu.steps.{module}", str(workspace.out), *arguments, *small)
    return Step(name, section, command, limit_s)
