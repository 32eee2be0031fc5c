"""Trials of a sweep: their results, their names, and the spec to train one."""

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from seg.spec import EnsembleSpec, MemberSpec, RecipeSpec
from seg.spec.recipe.sweep import Setting, SweepSpec, setting_of_recipe

_DIGITS: Final = 6
_NAMED: Final = ("architecture", "encoder")


@dataclass(frozen=True, slots=True)
class TrialResult:
    """The result of a trial. `reason` says why it failed or was pruned.

    Attributes:
        name: its folder among the sweep's runs.
        setting: the recipe fields that it sets.
        score: by the sweep's metric, of its best epoch.
        gflops: of one forward pass of a crop.
    """

    number: int
    name: str
    setting: Setting
    state: str
    score: float | None = None
    epochs: int = 0
    seconds: float | None = None
    parameters: int | None = None
    gflops: float | None = None
    reason: str = ""

    @property
    def is_finished(self) -> bool:
        return self.state == "complete"


def decode_setting(values: Mapping[str, Any]) -> Setting:
    """Decode a trial's values to recipe fields: choices are JSON texts, values of ranges are numbers."""
    setting: Setting = {}
    for field, value in values.items():
        setting |= setting_of_recipe(field, json.loads(value) if isinstance(value, str) else value)
    return setting


def trial_name(setting: Setting, recipe: RecipeSpec) -> str:
    """A readable name with a hash, unique for each setting."""
    words = [str(getattr(recipe, field)) for field in _NAMED]
    digest = hashlib.sha256(json.dumps(setting, sort_keys=True, default=str).encode()).hexdigest()[:_DIGITS]
    return re.sub(r"[^A-Za-z0-9._-]+", "-", "-".join([*words, digest])).removeprefix("-")


def single_member_ensemble(
    sweep: SweepSpec, name: str, recipe: RecipeSpec
) -> tuple[EnsembleSpec, MemberSpec]:
    """The spec of an ensemble with the trial as its only member."""
    member = MemberSpec(name=name)
    spec = EnsembleSpec(
        data=sweep.data, members=(member,), recipe=recipe, runs=sweep.runs, metric=sweep.metric
    )
    return spec, member
