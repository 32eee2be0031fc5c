"""Training side by side: `seg train`, a plain Lightning and smp loop, and that one compiled."""

import functools
import gc
import resource
import shutil
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from benchmarks.gpu.harness.child import StepCall, run_as_child
from benchmarks.gpu.harness.rows import Row
from benchmarks.training.plain_training import PlainModule, train_plainly
from seg.spec import EnsembleSpec, MemberSpec, load_ensemble
from seg.train.batches.loaders import loader_worker_count
from seg.train.member.lightning_module import MemberModule
from seg.train.trainer import train_member

TITLES = {"seg": "seg train", "plain": "Lightning + smp", "compiled": "Lightning + smp, torch.compile"}


def measure_training(call: StepCall) -> None:
    """Train a member and time all epochs but the first, in which caches fill and networks are compiled."""
    by, name = call.arguments
    if by == "seg":
        # Those of an earlier run are of other checkpoints.
        shutil.rmtree(call.workspace.all_labels, ignore_errors=True)
    spec = load_ensemble(call.workspace.spec("d4"))
    member = spec.member(name)
    epochs = EpochTimer(MemberModule if by == "seg" else PlainModule)
    start = time.perf_counter()
    _TRAINERS[by](spec, member)
    whole = time.perf_counter() - start
    scale = call.workspace.scale
    steps = scale.drawn[0] // scale.batch
    cells: dict[str, float | str] = {
        "images/s": steps * scale.batch / epochs.seconds_after_the_first(),
        "peak MB": _peak_megabytes(),
        "steps": steps * scale.epochs,
        "whole run, s": whole,
    }
    key = f"{name}-{by}"
    call.add(Row("training", f"{name}: {TITLES[by]}, {spec.recipe_of(member).precision}", cells, key))


def _train_by_seg(spec: EnsembleSpec, member: MemberSpec) -> None:
    train_member(spec, member, retrain=True)


def _train_by_plain_loop(spec: EnsembleSpec, member: MemberSpec, *, compiled: bool = False) -> None:
    recipe = spec.recipe_of(member)
    with tempfile.TemporaryDirectory() as folder:
        train_plainly(
            spec.data.split("train"),
            spec.data.split("val"),
            recipe,
            Path(folder),
            loader_worker_count(recipe),
            compiled=compiled,
        )


_TRAINERS: dict[str, Callable[[EnsembleSpec, MemberSpec], None]] = {
    "seg": _train_by_seg,
    "plain": _train_by_plain_loop,
    "compiled": functools.partial(_train_by_plain_loop, compiled=True),
}


class EpochTimer:
    """The seconds of each epoch's training, from its first batch being asked for to its validation.

    What Lightning validates before the first epoch, to see whether it can, belongs to none.
    """

    def __init__(self, module: type[Any]) -> None:
        self._begun: list[float] = []
        self._ended: list[float] = []
        _call_before_hook(module, "on_train_epoch_start", self._begin)
        _call_before_hook(module, "on_validation_start", self._end)

    def seconds_after_the_first(self) -> float:
        """The mean of all epochs but the first."""
        seconds = [end - begin for begin, end in zip(self._begun, self._ended, strict=True)]
        return sum(seconds[1:]) / len(seconds[1:])

    def _begin(self) -> None:
        self._begun.append(_now_on_device())

    def _end(self) -> None:
        if len(self._ended) < len(self._begun):
            self._ended.append(_now_on_device())


def _call_before_hook(module: type[Any], hook: str, note: Callable[[], None]) -> None:
    original = getattr(module, hook)

    def wrapped(self: Any, *arguments: Any) -> Any:
        note()
        return original(self, *arguments)

    setattr(module, hook, wrapped)


def _now_on_device() -> float:
    """After all that was begun on the device."""
    if torch.cuda.is_available():
        torch.cuda.synchronize()
    return time.perf_counter()


def _peak_megabytes() -> float:
    gc.collect()
    if torch.cuda.is_available():
        return round(torch.cuda.max_memory_reserved() / 1e6)
    return round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)


if __name__ == "__main__":
    run_as_child(measure_training)
