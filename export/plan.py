"""Plans on disk, each named by all that it depends on."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Final

from pydantic import BaseModel, ConfigDict

from seg.errors import OutputError
from seg.export.profile import Profile
from seg.export.trt import build
from seg.files import atomic_path, sha256_of, write_text
from seg.model_file import read_model_card

DIGITS: Final = 12


@dataclass(frozen=True, slots=True)
class Plan:
    """Where a plan lies, and why it was built; None where it was there already."""

    path: Path
    reason: str | None


def ensure_plan(model: Path, library: ModuleType, gpu: str, profile: Profile, memory_gib: float) -> Plan:
    """Build the plan of a model for this library, GPU and profile, unless exactly that is there.

    `model-FINGERPRINT.plan` comes with a JSON of the same name, which says what the fingerprint is of and the
    plan's SHA-256. Plans for other GPUs stay; those that this one replaces go.

    Raises:
        ModelError: the model is not ours, TensorRT cannot read it, or runs out of memory.
    """
    facts = facts_of(model, library, gpu, profile, memory_gib)
    path = model.with_name(f"{model.stem}-{fingerprint(facts)}.plan")
    reason = _reason(path, facts)
    if reason is None:
        return Plan(path, None)
    cache = model.with_name(f"{_file_name(facts['library'], gpu)}.timing")
    known = cache.read_bytes() if cache.exists() else b""
    built = build(library, model, profile, int(memory_gib * 2**30), known)
    _write(path, built.plan)
    if built.timing_cache is not None:
        _write(cache, built.timing_cache)
    record = _Record(facts=facts, sha256=sha256_of(path))
    write_text(_record_of(path), record.model_dump_json(indent=2) + "\n")
    _remove_replaced(path, gpu)
    return Plan(path, reason)


def _write(final: Path, content: bytes) -> None:
    with atomic_path(final) as temporary:
        temporary.write_bytes(content)


def facts_of(
    model: Path, library: ModuleType, gpu: str, profile: Profile, memory_gib: float
) -> dict[str, str]:
    """All that decides what a plan holds and where it runs."""
    return {
        "model": sha256_of(model),
        "precision": read_model_card(model).precision,
        "library": f"{library.__name__} {library.__version__}",
        "gpu": gpu,
        "profile": str(profile),
        "memory": f"{memory_gib:g} GiB",
    }


def fingerprint(facts: Mapping[str, str]) -> str:
    """The first digits of the SHA-256 of the facts."""
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()[:DIGITS]


class _Record(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    facts: dict[str, str]
    sha256: str


def _reason(path: Path, facts: Mapping[str, str]) -> str | None:
    """Why this plan must be built: what the nearest one beside it has otherwise."""
    beside = _records_beside(path)
    if path in beside:
        whole = path.exists() and sha256_of(path) == beside[path].sha256
        return None if whole else "the plan is not the one that was built"
    if not beside:
        return "there is none"
    nearest = min(
        (record.facts for record in beside.values()), key=lambda theirs: len(_changed(theirs, facts))
    )
    return "; ".join(
        f"{key} was {_short(nearest.get(key, 'not said'))}, is {_short(facts[key])}"
        for key in _changed(nearest, facts)
    )


def _changed(theirs: Mapping[str, str], ours: Mapping[str, str]) -> list[str]:
    return [key for key in ours if theirs.get(key) != ours[key]]


def _short(fact: str) -> str:
    return fact[:DIGITS] if len(fact) == hashlib.sha256().digest_size * 2 else fact


def _remove_replaced(path: Path, gpu: str) -> None:
    for other, record in _records_beside(path).items():
        if other != path and record.facts.get("gpu") == gpu:
            other.unlink(missing_ok=True)
            _record_of(other).unlink()


def _records_beside(path: Path) -> dict[Path, _Record]:
    stem = path.stem.rpartition("-")[0]
    return {file.with_suffix(""): _read(file) for file in sorted(path.parent.glob(f"{stem}-*.plan.json"))}


def _read(file: Path) -> _Record:
    try:
        return _Record.model_validate_json(file.read_text(encoding="utf-8"))
    except ValueError as error:
        raise OutputError(f"{file}: is not what was written with its plan: remove both") from error


def _record_of(path: Path) -> Path:
    return path.with_name(f"{path.name}.json")


def _file_name(*words: str) -> str:
    return "-".join("".join(c if c.isalnum() or c == "." else " " for c in " ".join(words)).split())
