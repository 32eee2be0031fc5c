"""`runtime: auto`: the fastest runtime for each member, found by timing them on this machine.

Candidates answer the same images; one whose labels agree too little with those of ONNX Runtime in fp32 is
out. Then, for the winners together, the batch size is chosen where a GPU runs them, and the number of
streams. The verdict is remembered in the user's cache folder while models, shapes, libraries and machine stay
the same.
"""

import contextlib
import hashlib
import json
import math
import os
from collections.abc import Sequence
from importlib import metadata
from pathlib import Path
from typing import Final

import numpy as np
from pydantic import BaseModel, ConfigDict

from seg.engine.runtimes.base import ImagesNHWC, Runtime, Streams
from seg.engine.runtimes.hardware import processor, usable_cores, usual_streams
from seg.engine.runtimes.nvidia import CudaOptions, device_models
from seg.engine.runtimes.open import open_runtime, runs_on_gpu, usable_runtimes, usual_batch
from seg.engine.runtimes.profiling import milliseconds_a_pass
from seg.errors import OutputError, SegError
from seg.files import regular, sha256_of, write_text
from seg.labels import ImageHWC
from seg.model_file import read_model_card
from seg.notices import notice
from seg.spec.prediction import BatchSize, RuntimeName

REFERENCE: Final[RuntimeName] = "cpu"
LEAST_AGREEMENT: Final = 0.995
"""The share of labels that a runtime must give as the reference does."""

CLEARLY: Final = 0.9
"""Other streams than the usual ones must take less than this share of their time."""

GPU_BATCHES: Final = (4, 8, 16, 32)
"""Batch sizes that are tried on a GPU; larger ones take memory and gain nothing at the sizes of images."""

NEARLY: Final = 1.05
"""The smallest batch is taken whose passes take at most so many times what the fastest takes."""


class RuntimeBenchmark(BaseModel):
    """A runtime that was tried: milliseconds a pass and labels as in the reference, or why it failed."""

    model_config = ConfigDict(frozen=True, ser_json_inf_nan="constants")

    runtime: RuntimeName
    channels_last: bool = False
    milliseconds: float = float("inf")
    agreement: float = 0.0
    failure: str = ""

    @property
    def passed(self) -> bool:
        return not self.failure and self.agreement >= LEAST_AGREEMENT

    def __str__(self) -> str:
        name = f"{self.runtime} with channels last" if self.channels_last else self.runtime
        if self.failure:
            return f"{name} failed ({self.failure})"
        return f"{name} {self.milliseconds:.1f} ms a pass, {self.agreement:.2%} of labels as on cpu"


Winner = tuple[Path, RuntimeBenchmark]
"""A model, and what runs it the fastest."""


class RuntimeChoice(BaseModel):
    """The trials of each member, the chosen runtime first, and the streams and batch size that all share."""

    model_config = ConfigDict(frozen=True, ser_json_inf_nan="constants")

    members: tuple[tuple[RuntimeBenchmark, ...], ...]
    streams: Streams
    batch_size: int

    @property
    def winners(self) -> tuple[RuntimeBenchmark, ...]:
        return tuple(trials[0] for trials in self.members)

    @property
    def runtimes(self) -> tuple[RuntimeName, ...]:
        return tuple(winner.runtime for winner in self.winners)

    def is_possible(self, members: int) -> bool:
        """Whether it is of so many members, each with a runtime that passed and is here."""
        here = usable_runtimes()
        usual = usual_streams(usable_cores())
        return (
            len(self.members) == members
            and all(trials and trials[0].passed and trials[0].runtime in here for trials in self.members)
            and self.streams in {usual, *_other_streams(usual, any(map(runs_on_gpu, self.runtimes)))}
        )

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
    remembered = _recall(memory, len(models))
    if remembered is not None:
        return remembered
    choice = _find_out(models, images, batch_size)
    # Where nothing can be kept, the next run finds out anew.
    with contextlib.suppress(OutputError):
        write_text(memory, choice.model_dump_json(indent=2) + "\n")
    return choice


def _recall(memory: Path, members: int) -> RuntimeChoice | None:
    """What an earlier run found out, if that is still whole and possible here."""
    try:
        choice = RuntimeChoice.model_validate_json(regular(memory).read_bytes())
    except FileNotFoundError:
        return None
    except (OSError, ValueError):
        choice = None
    if choice is not None and choice.is_possible(members):
        return choice
    notice(f"{memory}: is no choice of runtimes that was made here: they are timed again")
    return None


def _find_out(models: Sequence[Path], images: Sequence[ImageHWC], batch_size: BatchSize) -> RuntimeChoice:
    usual = usual_streams(usable_cores())
    members = tuple(_try_all(model, images, batch_size, usual) for model in models)
    winners = [(model, trials[0]) for model, trials in zip(models, members, strict=True)]
    is_on_gpu = any(runs_on_gpu(winner.runtime) for _, winner in winners)
    passes = _batch_for(winners, images, usual) if is_on_gpu and batch_size == "auto" else batch_size
    cost = {usual: CLEARLY * sum(winner.milliseconds for _, winner in winners)}
    if passes != batch_size:
        cost[usual] = CLEARLY * _milliseconds(winners, images, passes, usual)
    for streams in _other_streams(usual, is_on_gpu):
        cost[streams] = _milliseconds(winners, images, passes, streams)
    return RuntimeChoice(
        members=members,
        streams=min(cost, key=lambda streams: cost[streams]),
        batch_size=max(usual_batch(winner.runtime) for _, winner in winners) if passes == "auto" else passes,
    )


def _other_streams(usual: Streams, is_on_gpu: bool) -> set[Streams]:
    """On a GPU one stream is not tried: nothing would be brought up while it computes."""
    cores = usable_cores()
    counts = {2, 2 * usual.count} if is_on_gpu else {1, cores}
    return {Streams(count, max(1, cores // count)) for count in counts} - {usual}


def _batch_for(winners: Sequence[Winner], images: Sequence[ImageHWC], streams: Streams) -> int:
    """The smallest batch that is nearly as fast as any, for the members on a GPU together."""
    cost = dict.fromkeys(GPU_BATCHES, 0.0)
    for model, winner in winners:
        if not runs_on_gpu(winner.runtime):
            continue
        runtime = _open(model, winner.runtime, streams, images, channels_last=winner.channels_last)
        for passes in GPU_BATCHES:
            try:
                cost[passes] += milliseconds_a_pass(runtime, _batch(images[0], passes, winner.runtime))
            except SegError:  # there is no room for so many
                cost[passes] = math.inf
    return next(passes for passes in GPU_BATCHES if cost[passes] <= NEARLY * min(cost.values()))


def _milliseconds(
    winners: Sequence[Winner],
    images: Sequence[ImageHWC],
    batch_size: BatchSize,
    streams: Streams,
) -> float:
    """What a pass of each winner takes, summed up, on such streams and in such batches."""
    return sum(
        milliseconds_a_pass(
            _open(model, winner.runtime, streams, images, channels_last=winner.channels_last),
            _batch(images[0], batch_size, winner.runtime),
        )
        for model, winner in winners
    )


def _try_all(
    model: Path, images: Sequence[ImageHWC], batch_size: BatchSize, streams: Streams
) -> tuple[RuntimeBenchmark, ...]:
    reference = open_runtime(model, REFERENCE, streams)
    truth = [reference.run(image[None]).argmax(1) for image in images]
    candidates = [RuntimeBenchmark(runtime=name) for name in usable_runtimes()]
    if "cuda" in usable_runtimes() and read_model_card(model).precision == "fp16":
        candidates.append(RuntimeBenchmark(runtime="cuda", channels_last=True))
    trials = [_try(model, candidate, streams, images, batch_size, truth) for candidate in candidates]
    return tuple(sorted(trials, key=lambda trial: (not trial.passed, trial.milliseconds)))


def _try(
    model: Path,
    candidate: RuntimeBenchmark,
    streams: Streams,
    images: Sequence[ImageHWC],
    batch_size: BatchSize,
    truth: Sequence[np.ndarray[tuple[int, ...], np.dtype[np.intp]]],
) -> RuntimeBenchmark:
    try:
        runtime = _open(model, candidate.runtime, streams, images, channels_last=candidate.channels_last)
        found = [runtime.run(image[None]).argmax(1) for image in images]
        milliseconds = milliseconds_a_pass(runtime, _batch(images[0], batch_size, candidate.runtime))
    except SegError as error:
        return candidate.model_copy(update={"failure": str(error)})
    equal = [ours == theirs for ours, theirs in zip(found, truth, strict=True)]
    agreement = sum(int(e.sum()) for e in equal) / sum(e.size for e in equal)
    return candidate.model_copy(update={"milliseconds": milliseconds, "agreement": agreement})


def _open(
    model: Path, name: RuntimeName, streams: Streams, images: Sequence[ImageHWC], *, channels_last: bool
) -> Runtime:
    options = CudaOptions(fixed_shapes=are_of_one_size(images), channels_last=channels_last)
    return open_runtime(model, name, streams, cuda=options)


def are_of_one_size(images: Sequence[ImageHWC]) -> bool:
    """Whether all images to come can be expected to have one size, as these have."""
    return len({image.shape for image in images}) == 1


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
        "machine": [processor(), usable_cores(), usable_runtimes(), device_models()],
        "libraries": sorted(libraries.items()),
    }
    return hashlib.sha256(json.dumps(said, sort_keys=True).encode()).hexdigest()


def _cache_folder() -> Path:
    home = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(home) / "seg" / "runtimes"
