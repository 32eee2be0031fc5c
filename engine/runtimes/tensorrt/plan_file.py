"""TensorRT plans on disk (TensorRT calls a plan an engine), and the record next to each.

model.onnx
model-FINGERPRINT.plan         what TensorRT runs
model-FINGERPRINT.plan.json    the facts that it was built from, which the fingerprint hashes, and its SHA-256
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Final

from pydantic import BaseModel, ConfigDict

from seg.errors import ModelError
from seg.files.atomic import regular_file, sha256_of

DIGITS: Final = 12

Shape = tuple[int, int, int]
"""N, H and W of a batch."""

Facts = Mapping[str, str]
"""What a plan's content and its target depend on, by name."""


@dataclass(frozen=True, slots=True)
class PlanProfile:
    """The smallest and largest batch that a plan accepts, and the one that it is optimised for."""

    least: Shape
    usual: Shape
    most: Shape

    def __str__(self) -> str:
        return ", ".join(map(batch_shape_as_text, (self.least, self.usual, self.most)))

    def takes(self, shape: Shape) -> bool:
        """Whether a batch of that shape is between the smallest and the largest."""
        sides = zip(self.least, shape, self.most, strict=True)
        return all(least <= side <= most for least, side, most in sides)


class PlanRecord(BaseModel):
    """The record next to a plan: the facts that it was built from, and the SHA-256 of its bytes."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    facts: dict[str, str]
    sha256: str

    def changed(self, facts: Facts) -> list[str]:
        """The names of the facts that differ from the record."""
        return [name for name, fact in facts.items() if self.facts.get(name) != fact]

    def differences(self, facts: Facts) -> str:
        """The facts that differ from those at the build, in words."""
        return "; ".join(
            f"{name} was {_short_fact(self.facts.get(name, 'unknown'))}, is {_short_fact(facts[name])}"
            for name in self.changed(facts)
        )


def plan_facts_at_run(model: Path, library: ModuleType, gpu: str, temperature: float) -> dict[str, str]:
    """The facts that must be equal where a plan is built and where it runs."""
    return {
        "model": sha256_of(model),
        "library": f"{library.__name__} {library.__version__}",
        "gpu": gpu,
        "temperature": str(temperature),
    }


def plan_path(model: Path, facts: Facts) -> Path:
    """The path of a model's plan that is built from these facts."""
    return model.with_name(f"{model.stem}-{plan_fingerprint(facts)}.plan")


def plan_record_path(plan: Path) -> Path:
    return plan.with_name(f"{plan.name}.json")


def plan_fingerprint(facts: Facts) -> str:
    """The first digits of the SHA-256 of the facts."""
    return hashlib.sha256(json.dumps(dict(facts), sort_keys=True).encode()).hexdigest()[:DIGITS]


def plan_records_beside(model: Path) -> dict[Path, PlanRecord]:
    """The plans next to a model, for any GPU; raises ModelError."""
    files = sorted(model.parent.glob(f"{model.stem}-*.plan.json"))
    return {file.with_suffix(""): _read_plan_record(file) for file in files}


def closest_plan_record(records: Mapping[Path, PlanRecord], facts: Facts) -> PlanRecord:
    """The record that differs from these facts in the fewest; there must be one."""
    return min(records.values(), key=lambda record: len(record.changed(facts)))


def batch_shape_as_text(shape: tuple[int, ...]) -> str:
    """A shape as text, such as 8x256x256."""
    return "x".join(map(str, shape))


def _read_plan_record(file: Path) -> PlanRecord:
    try:
        return PlanRecord.model_validate_json(regular_file(file).read_bytes())
    except ValueError as error:
        raise ModelError(f"{file}: is not the record of its plan: remove both") from error


def _short_fact(fact: str) -> str:
    return fact[:DIGITS] if len(fact) == hashlib.sha256().digest_size * 2 else fact
