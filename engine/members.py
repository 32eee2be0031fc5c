"""Members: models that are loaded, agree on the classes, and have weights and views."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import assert_never

from seg.card import ModelCard
from seg.classes import same_classes
from seg.engine.ort import OrtRuntime, cuda_is_usable
from seg.engine.passes import PlannedPass
from seg.engine.runtime import Runtime
from seg.engine.views import VIEWS
from seg.errors import ModelError
from seg.model_file import read_model_card
from seg.spec import EnsembleSpec
from seg.spec.ensemble import Runtime as RuntimeName
from seg.views import ViewName


@dataclass(frozen=True, slots=True)
class Member:
    """A loaded model with its weight in the merge (any positive scale) and its views."""

    name: str
    runtime: Runtime
    card: ModelCard
    weight: float
    views: tuple[ViewName, ...]


def load_members(spec: EnsembleSpec) -> tuple[Member, ...]:
    """Check and load every member's model.

    Raises:
        ModelError: a model is missing, not ours, damaged, or has other classes than the first.
        MissingRuntimeError: the runtime that the spec asks for is not here.
    """
    models = [spec.model(member) for member in spec.members]
    cards = [read_model_card(model) for model in models]
    _refuse_other_classes(models, cards)
    return tuple(
        Member(
            member.name,
            open_runtime(model, spec.runtime),
            card,
            member.weight,
            spec.views_of(member),
        )
        for member, model, card in zip(spec.members, models, cards, strict=True)
    )


def open_runtime(model: Path, name: RuntimeName) -> Runtime:
    """Load a model on the runtime of that name; `auto` is CUDA where there is a device, else CPU.

    Raises:
        MissingRuntimeError: that runtime is not here.
    """
    match name:
        case "auto":
            return OrtRuntime(model, "cuda" if cuda_is_usable() else "cpu")
        case "cpu" | "cuda":
            return OrtRuntime(model, name)
        case _:
            assert_never(name)


def plan_passes(members: Sequence[Member]) -> tuple[PlannedPass, ...]:
    """The passes of an image. Shares sum to 1; a member's weight is spread over its views."""
    total = sum(member.weight for member in members)
    return tuple(
        PlannedPass(position, VIEWS[view], member.weight / total / len(member.views))
        for position, member in enumerate(members)
        for view in member.views
    )


def _refuse_other_classes(models: Sequence[Path], cards: Sequence[ModelCard]) -> None:
    for model, card in zip(models, cards, strict=True):
        if not same_classes(card.classes, cards[0].classes):
            raise ModelError(
                f"{model}: has the classes {[c.name for c in card.classes]}, the first member has"
                f" {[c.name for c in cards[0].classes]}: members of an ensemble share their classes"
            )
