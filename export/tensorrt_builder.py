"""TensorRT's builder: build a plan (TensorRT calls it an engine) from an ONNX file.

The same code serves TensorRT 10, 11 and TensorRT for RTX: the network is strongly typed, so that the ONNX
file alone determines what is fp16 and what is int8. The library is an argument because it has two names.
"""

from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any, Final

from seg.engine.runtimes.nvidia.cuda_device import gpu_name, load_cuda
from seg.engine.runtimes.tensorrt.library import LibraryName, tensorrt_logger_into
from seg.engine.runtimes.tensorrt.plan_file import PlanProfile, batch_shape_as_text
from seg.errors import MissingRuntimeError, ModelError
from seg.models.model_file import INPUT
from seg.models.safety import load_safe_onnx
from seg.models.temperature import set_temperature_in_graph
from seg.terminal.progress import Advance, progress

CHANNELS: Final = 3
LONGEST_REASON: Final = 200
_MEMORY_WORDS: Final = ("memory", "workspace")


@dataclass(frozen=True, slots=True)
class BuiltPlan:
    """A serialised plan, and the timing cache for the next build.

    TensorRT for RTX has no timing cache.
    """

    plan: bytes
    timing_cache: bytes | None


def target_gpu(name: LibraryName) -> str:
    """The GPU that a plan is built for, with its compute capability; `any` for TensorRT for RTX.

    Raises:
        MissingRuntimeError: there is no GPU, and TensorRT must build on the GPU that will run the plan.
    """
    if name == "tensorrt_rtx":
        return "any"
    try:
        return gpu_name(load_cuda())
    except MissingRuntimeError as error:
        raise MissingRuntimeError(
            f"tensorrt must build a plan on the GPU that will run it, and there is none here ({error}): run"
            " this there, or build for tensorrt-rtx"
        ) from error


def build_plan(
    library: ModuleType,
    model: Path,
    profile: PlanProfile,
    memory_bytes: int,
    timing_cache: bytes,
    temperature: float = 1.0,
) -> BuiltPlan:
    """Parse the model, with N, H and W free within the profile, and build its plan.

    Args:
        temperature: divides the logits; it is fixed in a plan.

    Raises:
        ModelError: TensorRT does not support the model, the model has no temperature, or the build ran out
            of memory.
    """
    errors: list[str] = []
    logger = tensorrt_logger_into(errors, library)
    builder = library.Builder(logger)
    network = builder.create_network(_strongly_typed_flag(library))
    parser = library.OnnxParser(network, logger)
    if not _parse_for_tensorrt(parser, model, temperature):
        raise ModelError(
            f"{model}: TensorRT {library.__version__} cannot read it: {_tensorrt_parser_error(parser)}"
        )
    config = builder.create_builder_config()
    config.set_memory_pool_limit(library.MemoryPoolType.WORKSPACE, memory_bytes)
    ranges = builder.create_optimization_profile()
    ranges.set_shape(INPUT, *((*shape, CHANNELS) for shape in (profile.least, profile.usual, profile.most)))
    config.add_optimization_profile(ranges)
    cache = _set_timing_cache(library, config, timing_cache)
    with ExitStack() as stack:
        config.progress_monitor = _tensorrt_progress_monitor(library, stack, model)
        plan = builder.build_serialized_network(network, config)
    if plan is None:
        raise ModelError(f"{model}: {_tensorrt_failure_reason(errors, memory_bytes, profile)}")
    return BuiltPlan(bytes(plan), bytes(cache.serialize()) if cache else None)


def _parse_for_tensorrt(parser: Any, model: Path, temperature: float) -> bool:
    if temperature == 1:
        return bool(parser.parse_from_file(str(model)))
    graph = load_safe_onnx(model)
    set_temperature_in_graph(graph, temperature, model)
    return bool(parser.parse(graph.SerializeToString(), str(model)))


def _strongly_typed_flag(library: ModuleType) -> int:
    """The flag for strong typing; in versions without the flag networks are always strongly typed."""
    flag = getattr(library.NetworkDefinitionCreationFlag, "STRONGLY_TYPED", None)
    return 0 if flag is None else 1 << int(flag)


def _set_timing_cache(library: ModuleType, config: Any, known: bytes) -> Any | None:
    if library.__name__ == "tensorrt_rtx":
        return None
    cache = config.create_timing_cache(known)
    # The timings of another version or GPU are refused; start with an empty cache.
    if not config.set_timing_cache(cache, ignore_mismatch=False):
        cache = config.create_timing_cache(b"")
        config.set_timing_cache(cache, ignore_mismatch=False)
    return cache


def _tensorrt_progress_monitor(library: ModuleType, stack: ExitStack, model: Path) -> Any:
    """A progress monitor that shows the steps of the outermost phases."""

    class Monitor(library.IProgressMonitor):  # type: ignore[misc, name-defined]
        def __init__(self) -> None:
            library.IProgressMonitor.__init__(self)
            self.shown: dict[str, Advance] = {}

        def phase_start(self, phase_name: str, parent_phase: str | None, num_steps: int) -> None:
            if not parent_phase:
                title = f"{model.name}: {phase_name}"
                self.shown[phase_name] = stack.enter_context(progress(title, num_steps, unit="steps"))

        def step_complete(self, phase_name: str, step: int) -> bool:
            if phase_name in self.shown:
                self.shown[phase_name](1)
            return True

        def phase_finish(self, phase_name: str) -> None:
            if self.shown.pop(phase_name, None) is not None:
                stack.close()

    return Monitor()


def _tensorrt_parser_error(parser: Any) -> str:
    first = parser.get_error(0)
    return " ".join(f"{first.node_name() or 'the graph'}: {first.desc()}".split())[:LONGEST_REASON]


def _tensorrt_failure_reason(errors: list[str], memory_bytes: int, profile: PlanProfile) -> str:
    if any(word in error.lower() for error in errors for word in _MEMORY_WORDS):
        return (
            f"TensorRT ran out of memory: it may use {memory_bytes / 2**30:g} GiB for batches up to"
            f" {batch_shape_as_text(profile.most)}: raise memory_gib in the spec's"
            " export.plan, or lower batch or sizes there"
        )
    return f"TensorRT cannot build it: {errors[0] if errors else 'no reason was given'}"
