"""TensorRT's plans on disk (TensorRT calls a plan an engine), and the record that lies beside each.

model.onnx
model-FINGERPRINT.plan         what TensorRT runs
model-FINGERPRINT.plan.json    the facts that it was built of, which the fingerprint is of, and its SHA-256
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
from seg.files import sha256_of

DIGITS: Final = 12

Shape = tuple[int, int, int]
"""N, H and W of a batch."""

Facts = Mapping[str, str]
"""What decides what a plan holds and where it runs, by name."""


@dataclass(frozen=True, slots=True)
class Profile:
    """The least and largest batch that a plan takes, and the one that it is made fastest for."""

    least: Shape
    usual: Shape
    most: Shape

    def __str__(self) -> str:
        return ", ".join(map(as_text, (self.least, self.usual, self.most)))

    def takes(self, shape: Shape) -> bool:
        """Whether a batch of that shape is between the least and the largest."""
        sides = zip(self.least, shape, self.most, strict=True)
        return all(least <= side <= most for least, side, most in sides)


class PlanRecord(BaseModel):
    """What lies beside a plan: the facts that it was built of, and the SHA-256 of its bytes."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    facts: dict[str, str]
    sha256: str

    def changed(self, facts: Facts) -> list[str]:
        """The names of those facts that are other ones here."""
        return [name for name, fact in facts.items() if self.facts.get(name) != fact]

    def differences(self, facts: Facts) -> str:
        """What was otherwise when the plan was built, in words."""
        return "; ".join(
            f"{name} was {_short(self.facts.get(name, 'not said'))}, is {_short(facts[name])}"
            for name in self.changed(facts)
        )


def facts_to_run(model: Path, library: ModuleType, gpu: str, temperature: float) -> dict[str, str]:
    """Those of the facts in which a plan must agree with whoever runs it."""
    return {
        "model": sha256_of(model),
        "library": f"{library.__name__} {library.__version__}",
        "gpu": gpu,
        "temperature": str(temperature),
    }


def plan_of(model: Path, facts: Facts) -> Path:
    """Where the plan of a model lies that was built of these facts."""
    return model.with_name(f"{model.stem}-{fingerprint(facts)}.plan")


def record_of(plan: Path) -> Path:
    return plan.with_name(f"{plan.name}.json")


def fingerprint(facts: Facts) -> str:
    """The first digits of the SHA-256 of the facts."""
    return hashlib.sha256(json.dumps(dict(facts), sort_keys=True).encode()).hexdigest()[:DIGITS]


def records_beside(model: Path) -> dict[Path, PlanRecord]:
    """The plans that were built beside a model, for whatever GPU; raises ModelError."""
    files = sorted(model.parent.glob(f"{model.stem}-*.plan.json"))
    return {file.with_suffix(""): _read(file) for file in files}


def nearest(records: Mapping[Path, PlanRecord], facts: Facts) -> PlanRecord:
    """The record that differs from these facts in the fewest; there is one at least."""
    return min(records.values(), key=lambda record: len(record.changed(facts)))


def as_text(shape: tuple[int, ...]) -> str:
    """Such as 8x256x256."""
    return "x".join(map(str, shape))


def _read(file: Path) -> PlanRecord:
    try:
        return PlanRecord.model_validate_json(file.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ModelError(f"{file}: is not what was written with its plan: remove both") from error


def _short(fact: str) -> str:
    return fact[:DIGITS] if len(fact) == hashlib.sha256().digest_size * 2 else fact
