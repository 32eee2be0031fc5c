"""Members: models that are loaded, agree on the classes, and have weights and views."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from seg.card import ModelCard
from seg.classes import same_classes
from seg.engine.passes import PlannedPass
from seg.engine.runtime import Runtime
from seg.engine.views import VIEWS
from seg.errors import ModelError
from seg.model_file import read_model_card
from seg.spec import EnsembleSpec
from seg.views import VIEW_SETS, ViewName


@dataclass(frozen=True, slots=True)
class Member:
    """A loaded model with its weight in the merge (any positive scale) and its views."""

    name: str
    runtime: Runtime
    card: ModelCard
    weight: float
    views: tuple[ViewName, ...]

    @property
    def unfamiliar_views(self) -> tuple[ViewName, ...]:
        """The views that the model was not trained in, as far as its card tells."""
        if self.card.training is None:
            return ()
        return tuple(view for view in self.views if view not in VIEW_SETS[self.card.training.views])


def read_cards(spec: EnsembleSpec) -> tuple[ModelCard, ...]:
    """The cards of the members' models, which agree on the classes.

    Raises:
        ModelError: a model is missing, not ours, damaged, or has other classes than the first.
    """
    models = [spec.model(member) for member in spec.running]
    cards = tuple(read_model_card(model) for model in models)
    _refuse_other_classes(models, cards)
    return cards


def plan_passes(members: Sequence[Member], *, by_view: bool = False) -> tuple[PlannedPass, ...]:
    """The passes of a frame. Shares sum to 1; a member's weight is spread over its views.

    Member by member and upright views first, so that a batch finds passes of its kind; or `by_view`, with
    every member's first view before any second, so that the sum comes near its end soonest.
    """
    total = sum(member.weight for member in members)
    passes = [
        (round_, PlannedPass(position, VIEWS[view], member.weight / total / len(member.views)))
        for position, member in enumerate(members)
        for round_, view in enumerate(sorted(member.views, key=lambda view: VIEWS[view].transposes))
    ]
    if by_view:
        passes.sort(key=lambda entry: (entry[0], -entry[1].share))
    return tuple(planned for _, planned in passes)


def _refuse_other_classes(models: Sequence[Path], cards: Sequence[ModelCard]) -> None:
    for model, card in zip(models, cards, strict=True):
        if not same_classes(card.classes, cards[0].classes):
            raise ModelError(
                f"{model}: has the classes {[c.name for c in card.classes]}, the first member has"
                f" {[c.name for c in cards[0].classes]}: members of an ensemble share their classes"
            )
