"""One trial: a recipe, trained into a folder that is named after what it tries."""

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from seg.spec import EnsembleSpec, MemberSpec, RecipeSpec
from seg.spec.sweep import Setting, SweepSpec, setting_of

_DIGITS: Final = 6
_NAMED: Final = ("architecture", "encoder")


@dataclass(frozen=True, slots=True)
class TrialResult:
    """What came of a trial. `reason` says why it failed or was ended early.

    Attributes:
        name: of its folder among the sweep's runs.
        setting: the recipe fields that it tries.
        gflops: of one image of the recipe's crop, forward.
    """

    number: int
    name: str
    setting: Setting
    state: str
    miou: float | None = None
    epochs: int = 0
    seconds: float | None = None
    parameters: int | None = None
    gflops: float | None = None
    reason: str = ""

    @property
    def is_finished(self) -> bool:
        return self.state == "complete"


def decode_setting(values: Mapping[str, Any]) -> Setting:
    """The recipe fields of a trial's values: JSON texts of choices, and numbers of ranges."""
    setting: Setting = {}
    for field, value in values.items():
        setting |= setting_of(field, json.loads(value) if isinstance(value, str) else value)
    return setting


def trial_name(setting: Setting, recipe: RecipeSpec) -> str:
    """Readable, and its own for each setting."""
    words = [str(getattr(recipe, field)) for field in _NAMED]
    digest = hashlib.sha256(json.dumps(setting, sort_keys=True, default=str).encode()).hexdigest()[:_DIGITS]
    return re.sub(r"[^A-Za-z0-9._-]+", "-", "-".join([*words, digest])).removeprefix("-")


def single_member_ensemble(
    sweep: SweepSpec, name: str, recipe: RecipeSpec
) -> tuple[EnsembleSpec, MemberSpec]:
    """The trial as an ensemble of one member."""
    member = MemberSpec(name=name)
    spec = EnsembleSpec(data=sweep.data, members=(member,), recipe=recipe, runs=sweep.runs)
    return spec, member
