"""`runtime: auto`: the fastest runtime for each member, found by timing them on this machine.

All candidates predict the same images. A candidate whose labels agree too little with those of ONNX Runtime
in fp32 is rejected. Then the number of streams, and on a GPU the batch size, are chosen for the winners
together. The choice is cached in the user's cache folder for the same models, shapes, libraries and machine.
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

from seg.engine.member_files import MemberFile
from seg.engine.runtimes.base import ImagesNHWC, Runtime, Streams
from seg.engine.runtimes.hardware import default_streams, processor_key, usable_cores
from seg.engine.runtimes.nvidia.nvidia import CudaOptions, nvidia_models
from seg.engine.runtimes.open import default_batch_size, open_runtime, runs_on_gpu, usable_runtimes
from seg.engine.runtimes.profiling import milliseconds_per_pass
from seg.errors import OutputError, SegError
from seg.files.atomic import regular_file, write_text
from seg.image_type import ImageHWB
from seg.labels.task import LabelMap, labels_of_probabilities
from seg.spec.ensemble.prediction import BatchSize, RuntimeName
from seg.terminal.notices import notice

REFERENCE: Final[RuntimeName] = "cpu"
MIN_AGREEMENT: Final = 0.995
"""The share of a runtime's labels that must equal the reference's."""

SWITCH_BELOW: Final = 0.9
"""Other streams are chosen only if they take less than this share of the default streams' time."""

GPU_BATCHES: Final = (4, 8, 16, 32)
"""Batch sizes that are timed on a GPU; at the sizes of images larger ones only take memory."""

BATCH_TOLERANCE: Final = 1.05
"""The smallest batch is chosen whose passes take at most this many times as long as the fastest batch's."""


class RuntimeBenchmark(BaseModel):
    """A candidate's result: milliseconds a pass and agreement with the reference's labels, or its failure."""

    model_config = ConfigDict(frozen=True, ser_json_inf_nan="constants")

    runtime: RuntimeName
    channels_last: bool = False
    milliseconds: float = float("inf")
    agreement: float = 0.0
    failure: str = ""

    @property
    def passed(self) -> bool:
        return not self.failure and self.agreement >= MIN_AGREEMENT

    def __str__(self) -> str:
        name = f"{self.runtime} with channels last" if self.channels_last else self.runtime
        if self.failure:
            return f"{name} failed ({self.failure})"
        return f"{name} {self.milliseconds:.1f} ms a pass, {self.agreement:.2%} of labels as on cpu"


Winner = tuple[MemberFile, RuntimeBenchmark]
"""A model, and the benchmark of its fastest runtime."""


class RuntimeChoice(BaseModel):
    """The benchmarks of each member, the chosen runtime first, and the streams and batch size of all."""

    model_config = ConfigDict(frozen=True, ser_json_inf_nan="constants")

    members: tuple[tuple[RuntimeBenchmark, ...], ...]
    streams: Streams
    batch_size: int

    @property
    def winners(self) -> tuple[RuntimeBenchmark, ...]:
        return tuple(benchmarks[0] for benchmarks in self.members)

    @property
    def runtimes(self) -> tuple[RuntimeName, ...]:
        return tuple(winner.runtime for winner in self.winners)

    def is_valid_here(self, members: int) -> bool:
        """Whether it fits this many members and this machine: each chosen runtime passed and is usable."""
        here = usable_runtimes()
        usual = default_streams(usable_cores())
        return (
            len(self.members) == members
            and all(
                benchmarks and benchmarks[0].passed and benchmarks[0].runtime in here
                for benchmarks in self.members
            )
            and self.streams in {usual, *_streams_to_time(usual, any(map(runs_on_gpu, self.runtimes)))}
        )

    def summaries(self, names: Sequence[str]) -> list[str]:
        """The benchmarks of each member in one line, the chosen runtime first."""
        return [
            f"{name}: {'; '.join(map(str, benchmarks))}"
            for name, benchmarks in zip(names, self.members, strict=True)
        ]


def choose_runtimes(
    models: Sequence[MemberFile], images: Sequence[ImageHWB], batch_size: BatchSize
) -> RuntimeChoice:
    """The fastest runtime of each model, from the cache or measured now.

    Args:
        models: the exported models of the members.
        images: samples of the images to predict. Labels are compared on all, times come from the first.
        batch_size: passes in a batch; `auto` is the default of each runtime.
    """
    cache_file = _runtime_cache_folder() / f"{_runtime_choice_key(models, images, batch_size)}.json"
    cached = _read_cached_choice(cache_file, len(models))
    if cached is not None:
        return cached
    choice = _time_runtimes(models, images, batch_size)
    # If the cache cannot be written, the next run measures again.
    with contextlib.suppress(OutputError):
        write_text(cache_file, choice.model_dump_json(indent=2) + "\n")
    return choice


def _read_cached_choice(cache_file: Path, members: int) -> RuntimeChoice | None:
    """The choice of an earlier run, if its file is intact and it is possible on this machine."""
    try:
        choice = RuntimeChoice.model_validate_json(regular_file(cache_file).read_bytes())
    except FileNotFoundError:
        return None
    except (OSError, ValueError):
        choice = None
    if choice is not None and choice.is_valid_here(members):
        return choice
    notice(f"{cache_file}: is not a choice of runtimes for this machine: runtimes are timed again")
    return None


def _time_runtimes(
    models: Sequence[MemberFile], images: Sequence[ImageHWB], batch_size: BatchSize
) -> RuntimeChoice:
    usual = default_streams(usable_cores())
    members = tuple(_benchmark_runtimes(model, images, batch_size, usual) for model in models)
    winners = [(model, benchmarks[0]) for model, benchmarks in zip(models, members, strict=True)]
    is_on_gpu = any(runs_on_gpu(winner.runtime) for _, winner in winners)
    passes = _choose_batch_size(winners, images, usual) if is_on_gpu and batch_size == "auto" else batch_size
    cost = {usual: SWITCH_BELOW * sum(winner.milliseconds for _, winner in winners)}
    if passes != batch_size:
        cost[usual] = SWITCH_BELOW * _milliseconds_of_winners(winners, images, passes, usual)
    for streams in _streams_to_time(usual, is_on_gpu):
        cost[streams] = _milliseconds_of_winners(winners, images, passes, streams)
    return RuntimeChoice(
        members=members,
        streams=min(cost, key=lambda streams: cost[streams]),
        batch_size=max(default_batch_size(winner.runtime) for _, winner in winners)
        if passes == "auto"
        else passes,
    )


def _streams_to_time(usual: Streams, is_on_gpu: bool) -> set[Streams]:
    """Streams to time against the default. On a GPU at least two, so that copies overlap with computing."""
    cores = usable_cores()
    counts = {2, 2 * usual.count} if is_on_gpu else {1, cores}
    return {Streams(count, max(1, cores // count)) for count in counts} - {usual}


def _choose_batch_size(winners: Sequence[Winner], images: Sequence[ImageHWB], streams: Streams) -> int:
    """The smallest batch size that is nearly as fast as the fastest, for all members on a GPU together."""
    cost = dict.fromkeys(GPU_BATCHES, 0.0)
    for model, winner in winners:
        if not runs_on_gpu(winner.runtime):
            continue
        runtime = _open_to_benchmark(
            model, winner.runtime, streams, images, channels_last=winner.channels_last
        )
        for passes in GPU_BATCHES:
            try:
                cost[passes] += milliseconds_per_pass(
                    runtime, _batch_to_benchmark(images[0], passes, winner.runtime)
                )
            except SegError:  # out of memory
                cost[passes] = math.inf
    return next(passes for passes in GPU_BATCHES if cost[passes] <= BATCH_TOLERANCE * min(cost.values()))


def _milliseconds_of_winners(
    winners: Sequence[Winner],
    images: Sequence[ImageHWB],
    batch_size: BatchSize,
    streams: Streams,
) -> float:
    """The sum of each winner's milliseconds a pass with these streams and this batch size."""
    return sum(
        milliseconds_per_pass(
            _open_to_benchmark(model, winner.runtime, streams, images, channels_last=winner.channels_last),
            _batch_to_benchmark(images[0], batch_size, winner.runtime),
        )
        for model, winner in winners
    )


def _benchmark_runtimes(
    model: MemberFile, images: Sequence[ImageHWB], batch_size: BatchSize, streams: Streams
) -> tuple[RuntimeBenchmark, ...]:
    reference = open_runtime(model.path, REFERENCE, streams, task=model.own.task)
    truth = [labels_of_probabilities(reference.run(image[None]), model.own.task) for image in images]
    candidates = [RuntimeBenchmark(runtime=name) for name in usable_runtimes()]
    if "cuda" in usable_runtimes() and model.card.precision == "fp16":
        candidates.append(RuntimeBenchmark(runtime="cuda", channels_last=True))
    benchmarks = [
        _benchmark_runtime(model, candidate, streams, images, batch_size, truth) for candidate in candidates
    ]
    return tuple(sorted(benchmarks, key=lambda benchmark: (not benchmark.passed, benchmark.milliseconds)))


def _benchmark_runtime(
    model: MemberFile,
    candidate: RuntimeBenchmark,
    streams: Streams,
    images: Sequence[ImageHWB],
    batch_size: BatchSize,
    truth: Sequence[LabelMap],
) -> RuntimeBenchmark:
    try:
        runtime = _open_to_benchmark(
            model, candidate.runtime, streams, images, channels_last=candidate.channels_last
        )
        found = [labels_of_probabilities(runtime.run(image[None]), model.own.task) for image in images]
        milliseconds = milliseconds_per_pass(
            runtime, _batch_to_benchmark(images[0], batch_size, candidate.runtime)
        )
    except SegError as error:
        return candidate.model_copy(update={"failure": str(error)})
    equal = [ours == theirs for ours, theirs in zip(found, truth, strict=True)]
    agreement = sum(int(e.sum()) for e in equal) / sum(e.size for e in equal)
    return candidate.model_copy(update={"milliseconds": milliseconds, "agreement": agreement})


def _open_to_benchmark(
    model: MemberFile, name: RuntimeName, streams: Streams, images: Sequence[ImageHWB], *, channels_last: bool
) -> Runtime:
    options = CudaOptions(fixed_shapes=have_images_one_size(images), channels_last=channels_last)
    return open_runtime(model.path, name, streams, task=model.own.task, cuda=options)


def have_images_one_size(images: Sequence[ImageHWB]) -> bool:
    """Whether all these images have the same size, so that the others can be expected to have it, too."""
    return len({image.shape for image in images}) == 1


def _batch_to_benchmark(image_hwc: ImageHWB, batch_size: BatchSize, name: RuntimeName) -> ImagesNHWC:
    return np.stack([image_hwc] * (default_batch_size(name) if batch_size == "auto" else batch_size))


def _runtime_choice_key(
    models: Sequence[MemberFile], images: Sequence[ImageHWB], batch_size: BatchSize
) -> str:
    libraries = {
        dist.name: dist.version
        for dist in metadata.distributions()
        if dist.name.startswith(("onnxruntime", "openvino"))
    }
    facts = {
        "models": [model.sha256 for model in models],
        "shapes": [image.shape for image in images],
        "batch_size": batch_size,
        "machine": [processor_key(), usable_cores(), usable_runtimes(), nvidia_models()],
        "libraries": sorted(libraries.items()),
    }
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()


def _runtime_cache_folder() -> Path:
    home = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(home) / "seg" / "runtimes"
