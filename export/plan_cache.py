"""TensorRT plans on disk, each named by a fingerprint of everything that it depends on."""

from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

from seg.engine.runtimes.tensorrt.plan_file import (
    Facts,
    PlanProfile,
    PlanRecord,
    closest_plan_record,
    plan_facts_at_run,
    plan_path,
    plan_record_path,
    plan_records_beside,
)
from seg.errors import ModelError
from seg.export.tensorrt_builder import build_plan
from seg.files.atomic import atomic_path, regular_file, sha256_of, write_text
from seg.image_type import RGB8
from seg.models.model_file import read_model_card


@dataclass(frozen=True, slots=True)
class CachedPlan:
    """A plan's path, and why it was built; None if it existed already."""

    path: Path
    reason: str | None


def ensure_plan(
    model: Path,
    library: ModuleType,
    gpu: str,
    profile: PlanProfile,
    memory_gib: float,
    temperature: float = 1.0,
) -> CachedPlan:
    """Build the plan of a model for this library, GPU, profile and temperature, unless it exists.

    `model-FINGERPRINT.plan` comes with a JSON of the same name, which has the facts behind the fingerprint
    and the plan's SHA-256. Plans for other GPUs stay; those that this one replaces are removed.

    Raises:
        ModelError: the model is not ours, TensorRT cannot read it, or runs out of memory.
    """
    _refuse_plan_of_bands(model)
    facts = facts_of_plan(model, library, gpu, profile, memory_gib, temperature)
    path = plan_path(model, facts)
    reason = _plan_rebuild_reason(model, path, facts)
    if reason is None:
        return CachedPlan(path, None)
    cache = model.with_name(f"{_plan_file_name(facts['library'], gpu)}.timing")
    known = regular_file(cache).read_bytes() if cache.exists() else b""
    built = build_plan(library, model, profile, int(memory_gib * 2**30), known, temperature)
    _write_plan_file(path, built.plan)
    if built.timing_cache is not None:
        _write_plan_file(cache, built.timing_cache)
    record = PlanRecord(facts=facts, sha256=sha256_of(path))
    write_text(plan_record_path(path), record.model_dump_json(indent=2) + "\n")
    _remove_replaced_plans(model, path, gpu)
    return CachedPlan(path, reason)


def _write_plan_file(final: Path, content: bytes) -> None:
    with atomic_path(final) as temporary:
        temporary.write_bytes(content)


def facts_of_plan(
    model: Path, library: ModuleType, gpu: str, profile: PlanProfile, memory_gib: float, temperature: float
) -> dict[str, str]:
    """Everything that a plan depends on."""
    return {
        **plan_facts_at_run(model, library, gpu, temperature),
        "precision": read_model_card(model).precision,
        "profile": str(profile),
        "memory": f"{memory_gib:g} GiB",
    }


def _refuse_plan_of_bands(model: Path) -> None:
    """Raise ModelError for a model of other images than RGB of 8 bits."""
    taken = read_model_card(model).input.image_type
    if taken != RGB8:
        raise ModelError(
            f"{model}: takes {taken}, and a TensorRT plan takes RGB of 8 bits: set runtime: cuda or tensorrt"
        )


def _plan_rebuild_reason(model: Path, path: Path, facts: Facts) -> str | None:
    """Why this plan must be built: the differences from the most similar existing one."""
    beside = plan_records_beside(model)
    if path in beside:
        whole = path.exists() and sha256_of(path) == beside[path].sha256
        return None if whole else "the plan is not the one that was built"
    return closest_plan_record(beside, facts).differences(facts) if beside else "there is none"


def _remove_replaced_plans(model: Path, path: Path, gpu: str) -> None:
    for other, record in plan_records_beside(model).items():
        if other != path and record.facts.get("gpu") == gpu:
            other.unlink(missing_ok=True)
            plan_record_path(other).unlink()


def _plan_file_name(*words: str) -> str:
    return "-".join("".join(c if c.isalnum() or c == "." else " " for c in " ".join(words)).split())
