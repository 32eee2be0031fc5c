"""TensorRT plans next to a model: found by their record, checked, and loaded."""

import hashlib
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any, Final

from seg.engine.runtimes.tensorrt.library import tensorrt_logger_into
from seg.engine.runtimes.tensorrt.plan_file import (
    PlanProfile,
    closest_plan_record,
    plan_facts_at_run,
    plan_records_beside,
)
from seg.errors import ModelError
from seg.files.atomic import regular_file
from seg.models.model_file import INPUT, OUTPUT

BUILD: Final = "seg export SPEC --format tensorrt"

_PROFILE: Final = 0


@dataclass(frozen=True, slots=True)
class LoadedPlan:
    """A plan that TensorRT has loaded, whose tensors are those of the contract.

    Attributes:
        engine: TensorRT's object; `runtime`, with its logger, must live as long.
        profile: the batches that it accepts.
        errors: of TensorRT, the latest last.
    """

    path: Path
    engine: Any
    runtime: Any
    profile: PlanProfile
    errors: list[str]

    def failure(self, what: str, advice: str) -> ModelError:
        """The error that TensorRT could not do something with this plan, with the reason that it logged."""
        return _plan_failure(self.path, what, self.errors, advice)


def load_plan(model: Path, library: ModuleType, gpu: str, temperature: float) -> LoadedPlan:
    """Load the plan that was built for this model, TensorRT version, GPU and temperature.

    Raises:
        ModelError: there is none, or its content has changed, or TensorRT cannot read it.
    """
    path, content = _find_plan(model, library, gpu, temperature)
    errors: list[str] = []
    runtime = library.Runtime(tensorrt_logger_into(errors, library))
    engine = runtime.deserialize_cuda_engine(content)
    if engine is None:
        raise _plan_failure(path, "cannot read it", errors, f"build it again: {BUILD}")
    _check_plan_tensors(path, library, engine)
    least, usual, most = ((n, h, w) for n, h, w, _ in engine.get_tensor_profile_shape(INPUT, _PROFILE))
    return LoadedPlan(path, engine, runtime, PlanProfile(least, usual, most), errors)


def _find_plan(model: Path, library: ModuleType, gpu: str, temperature: float) -> tuple[Path, bytes]:
    records = plan_records_beside(model)
    if not records:
        raise ModelError(f"{model}: has no plan next to it: build one on this machine: {BUILD}")
    facts = plan_facts_at_run(model, library, gpu, temperature)
    fitting = [path for path, record in records.items() if not record.changed(facts)]
    if not fitting:
        closest = closest_plan_record(records, facts)
        advice = _advice_to_build_plan(closest.changed(facts))
        raise ModelError(f"{model}: has no plan that fits: {closest.differences(facts)}: {advice}")
    if len(fitting) > 1:
        names = " and ".join(path.name for path in fitting)
        raise ModelError(f"{model}: {names} both fit: remove all but one, each with its .json")
    return fitting[0], _read_plan(fitting[0], records[fitting[0]].sha256)


def _advice_to_build_plan(changed: list[str]) -> str:
    if changed == ["temperature"]:
        return f"build one from a spec with this temperature of the member: {BUILD}"
    return f"build one on this machine: {BUILD}"


def _read_plan(path: Path, sha256: str) -> bytes:
    content = regular_file(path).read_bytes() if path.exists() else b""
    if hashlib.sha256(content).hexdigest() != sha256:
        raise ModelError(f"{path}: is not the plan that was built: build it again: {BUILD}")
    return content


def _check_plan_tensors(path: Path, library: ModuleType, engine: Any) -> None:
    names = [engine.get_tensor_name(position) for position in range(engine.num_io_tensors)]
    found = {name: (engine.get_tensor_mode(name), engine.get_tensor_dtype(name)) for name in names}
    expected = {
        INPUT: (library.TensorIOMode.INPUT, library.DataType.UINT8),
        OUTPUT: (library.TensorIOMode.OUTPUT, library.DataType.FLOAT),
    }
    if found != expected:
        raise ModelError(
            f"{path}: has {_plan_tensors_in_words(found)}, expected {_plan_tensors_in_words(expected)}:"
            f" build it again: {BUILD}"
        )


def _plan_tensors_in_words(tensors: dict[str, tuple[Any, Any]]) -> str:
    return ", ".join(f"{name} ({mode.name}, {dtype.name})" for name, (mode, dtype) in tensors.items())


def _plan_failure(path: Path, what: str, errors: list[str], advice: str) -> ModelError:
    reason = errors[-1] if errors else "without a reason"
    return ModelError(f"{path}: TensorRT {what}: {reason}: {advice}")
