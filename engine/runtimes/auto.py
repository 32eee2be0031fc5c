"""`runtime: auto`: the fastest runtime for each member, found by timing them on this machine.

Candidates answer the same images; one whose labels agree too little with those of ONNX Runtime in fp32 is
out. Then the number of streams is chosen for the winners together. The verdict is remembered in the
user's cache folder while models, shapes, libraries and machine stay the same.
"""

import contextlib
import hashlib
import json
import os
from collections.abc import Sequence
from importlib import metadata
from pathlib import Path
from typing import Final

import numpy as np
from pydantic import BaseModel, ConfigDict, ValidationError

from seg.engine.runtimes.base import ImagesNHWC, Streams
from seg.engine.runtimes.hardware import processor, usable_cores, usual_streams
from seg.engine.runtimes.open import open_runtime, usable_runtimes, usual_batch
from seg.engine.runtimes.profiling import milliseconds_a_pass
from seg.errors import SegError
from seg.files import sha256_of, write_text
from seg.labels import ImageHWC
from seg.spec.prediction import BatchSize, RuntimeName

REFERENCE: Final[RuntimeName] = "cpu"
LEAST_AGREEMENT: Final = 0.995
"""The share of labels that a runtime must give as the reference does."""

CLEARLY: Final = 0.9
"""Other streams than the usual ones must take less than this share of their time."""


class RuntimeBenchmark(BaseModel):
    """A runtime that was tried: milliseconds a pass and labels as in the reference, or why it failed."""

    model_config = ConfigDict(frozen=True, ser_json_inf_nan="constants")

    runtime: RuntimeName
    milliseconds: float = float("inf")
    agreement: float = 0.0
    failure: str = ""

    @property
    def passed(self) -> bool:
        return not self.failure and self.agreement >= LEAST_AGREEMENT

    def __str__(self) -> str:
        if self.failure:
            return f"{self.runtime} failed ({self.failure})"
        return f"{self.runtime} {self.milliseconds:.1f} ms a pass, {self.agreement:.2%} of labels as on cpu"


class RuntimeChoice(BaseModel):
    """The trials of each member, the chosen runtime first, and the streams that all share."""

    model_config = ConfigDict(frozen=True, ser_json_inf_nan="constants")

    members: tuple[tuple[RuntimeBenchmark, ...], ...]
    streams: Streams

    @property
    def runtimes(self) -> tuple[RuntimeName, ...]:
        return tuple(trials[0].runtime for trials in self.members)

    def lines(self, names: Sequence[str]) -> list[str]:
        """What was chosen and why, a line for each member."""
        return [
            f"{name}: {'; '.join(map(str, trials))}" for name, trials in zip(names, self.members, strict=True)
        ]


def choose_runtimes(
    models: Sequence[Path], images: Sequence[ImageHWC], batch_size: BatchSize
) -> RuntimeChoice:
    """Recall or find out what runs each model fastest.

    Args:
        models: the exported models of the members.
        images: a few images like those to be predicted; all are compared, the first is timed.
        batch_size: how many passes will travel together; `auto` is what suits a runtime.
    """
    memory = _cache_folder() / f"{_key(models, images, batch_size)}.json"
    try:
        return RuntimeChoice.model_validate_json(memory.read_text(encoding="utf-8"))
    except (OSError, ValidationError):
        choice = _find_out(models, images, batch_size)
    # Where nothing can be kept, the next run finds out anew.
    with contextlib.suppress(OSError):
        write_text(memory, choice.model_dump_json(indent=2) + "\n")
    return choice


def _find_out(models: Sequence[Path], images: Sequence[ImageHWC], batch_size: BatchSize) -> RuntimeChoice:
    usual = usual_streams(usable_cores())
    members = tuple(_try_all(model, images, batch_size, usual) for model in models)
    winners = [trials[0] for trials in members]
    cost = {usual: CLEARLY * sum(winner.milliseconds for winner in winners)}
    for streams in _other_streams(usual):
        cost[streams] = sum(
            milliseconds_a_pass(
                open_runtime(model, winner.runtime, streams), _batch(images[0], batch_size, winner.runtime)
            )
            for model, winner in zip(models, winners, strict=True)
        )
    return RuntimeChoice(members=members, streams=min(cost, key=lambda streams: cost[streams]))


def _other_streams(usual: Streams) -> set[Streams]:
    cores = usable_cores()
    return {Streams(1, cores), Streams(cores, 1)} - {usual}


def _try_all(
    model: Path, images: Sequence[ImageHWC], batch_size: BatchSize, streams: Streams
) -> tuple[RuntimeBenchmark, ...]:
    reference = open_runtime(model, REFERENCE, streams)
    truth = [reference.run(image[None]).argmax(1) for image in images]
    trials = [_try(model, name, streams, images, batch_size, truth) for name in usable_runtimes()]
    return tuple(sorted(trials, key=lambda trial: (not trial.passed, trial.milliseconds)))


def _try(
    model: Path,
    name: RuntimeName,
    streams: Streams,
    images: Sequence[ImageHWC],
    batch_size: BatchSize,
    truth: Sequence[np.ndarray[tuple[int, ...], np.dtype[np.intp]]],
) -> RuntimeBenchmark:
    try:
        runtime = open_runtime(model, name, streams)
    except SegError as error:
        return RuntimeBenchmark(runtime=name, failure=str(error))
    equal = [
        runtime.run(image[None]).argmax(1) == labels for image, labels in zip(images, truth, strict=True)
    ]
    agreement = sum(int(e.sum()) for e in equal) / sum(e.size for e in equal)
    milliseconds = milliseconds_a_pass(runtime, _batch(images[0], batch_size, name))
    return RuntimeBenchmark(runtime=name, milliseconds=milliseconds, agreement=agreement)


def _batch(image_hwc: ImageHWC, batch_size: BatchSize, name: RuntimeName) -> ImagesNHWC:
    return np.stack([image_hwc] * (usual_batch(name) if batch_size == "auto" else batch_size))


def _key(models: Sequence[Path], images: Sequence[ImageHWC], batch_size: BatchSize) -> str:
    libraries = {
        dist.name: dist.version
        for dist in metadata.distributions()
        if dist.name.startswith(("onnxruntime", "openvino"))
    }
    said = {
        "models": [sha256_of(model) for model in models],
        "shapes": [image.shape for image in images],
        "batch_size": batch_size,
        "machine": [processor(), usable_cores(), usable_runtimes()],
        "libraries": sorted(libraries.items()),
    }
    return hashlib.sha256(json.dumps(said, sort_keys=True).encode()).hexdigest()


def _cache_folder() -> Path:
    home = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(home) / "seg" / "runtimes"
