"""The steps, the most valuable first."""

from collections.abc import Iterator

from benchmarks.gpu.harness import Step
from benchmarks.gpu.workspace import Workspace


def steps_of(workspace: Workspace) -> list[Step]:
    """All steps of a run. Each makes what it needs from files of those before it."""
    return [
        _step(workspace, "doctor", "machine", "checks", "doctor", limit_s=90),
        _step(workspace, "draw images", "machine", "images", limit_s=90),
        *_training(workspace, "seg"),
        *(
            _step(workspace, f"export {precision}", "export", "export", precision, limit_s=120)
            for precision in ("fp32", "fp16")
        ),
        *_prediction(workspace),
        _step(workspace, "pytest -m gpu", "machine", "checks", "pytest", limit_s=90),
        *_training(workspace, "plain"),
        _step(workspace, "150 classes: model", "classes", "export", "classes", limit_s=60),
        *(
            _predict(workspace, contender, "classes", limit_s=40)
            for contender in (
                "engine-fp16",
                "loop-amp",
                "networks-fp16",
                "engine-fp32",
                "networks-fp32",
                "loop-fp32",
            )
        ),
        *(
            _predict(workspace, contender, "large", limit_s=60)
            for contender in ("engine-fp16", "loop-amp", "engine-fp32", "networks-fp16", "networks-fp32")
        ),
        _predict(workspace, "loop-compiled", "d4", "hflip", limit_s=150),
        _step(workspace, "kill and resume", "training", "resume", limit_s=60),
        _step(workspace, "batch_size: auto", "training", "batch_size", limit_s=60),
        *_training(workspace, "compiled"),
        _step(workspace, "export auto", "export", "export", "auto", limit_s=90),
        *(
            _step(workspace, f"runtime {name}", "tensorrt", "tensorrt", name, limit_s=90)
            for name in ("tensorrt", "tensorrt-plan")
        ),
    ]


def _prediction(workspace: Workspace) -> Iterator[Step]:
    for contender in (
        "engine-fp16",
        "loop-amp",
        "engine-fp32",
        "networks-fp16",
        "networks-fp32",
        "loop-fp32",
    ):
        yield _predict(workspace, contender, "d4", "hflip", limit_s=60)
    yield _predict(workspace, "engine-fp16-stopping", "d4", limit_s=60)
    yield _step(workspace, "export fused", "export", "export", "fused", limit_s=90)
    yield _predict(workspace, "loop-fused", "d4", limit_s=40)
    yield _predict(workspace, "loop-ort", "d4", "hflip", limit_s=40)


def _training(workspace: Workspace, by: str) -> Iterator[Step]:
    """The third member is trained to be predicted with, and its training compared with nothing."""
    compared = len(workspace.scale.networks) - (by != "seg")
    for network in workspace.scale.networks[:compared]:
        limit_s = 120 if by == "compiled" else 75
        yield _step(
            workspace, f"train {network.name}: {by}", "training", "train", by, network.name, limit_s=limit_s
        )


def _predict(workspace: Workspace, contender: str, *scenes: str, limit_s: float) -> Step:
    name = f"predict {'+'.join(scenes)}: {contender}"
    module = "predict_loops" if contender.startswith("loop") else "predict_engine"
    return _step(workspace, name, scenes[0], module, contender, *scenes, limit_s=limit_s)


def _step(
    workspace: Workspace, name: str, section: str, module: str, *arguments: str, limit_s: float
) -> Step:
    small = ("--small",) if workspace.is_small else ()
    command = ("-m", f"benchmarks.gpu.{module}", str(workspace.out), *arguments, *small)
    return Step(name, section, command, limit_s)
