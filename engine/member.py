"""Members: loaded models with weights and views, and the order of their passes."""

from collections.abc import Sequence
from dataclasses import dataclass

from seg.engine.passes.merge_shares import merge_shares_by_class
from seg.engine.passes.passes import PlannedPass
from seg.engine.passes.views import VIEWS
from seg.engine.runtimes.base import Runtime
from seg.engine.runtimes.decoder_cut import Decoder
from seg.models.card import ModelCard
from seg.views import VIEW_SETS, ViewName, without_scale


@dataclass(frozen=True, slots=True)
class Member:
    """A loaded model with its weight in the merge (any positive scale) and its views.

    `class_weights` multiply its weight for each class; empty if it is the same for all. `decoder` is the grid
    of its output if low-resolution probabilities are merged.
    """

    name: str
    runtime: Runtime
    card: ModelCard
    weight: float
    views: tuple[ViewName, ...]
    class_weights: tuple[float, ...] = ()
    decoder: Decoder | None = None

    @property
    def unfamiliar_views(self) -> tuple[ViewName, ...]:
        """The views that the model was not trained with, as far as its card tells."""
        if self.card.training is None:
            return ()
        known = VIEW_SETS[self.card.training.views]
        return tuple(view for view in self.views if without_scale(view) not in known)


def default_pass_order(members: Sequence[Member], *, by_view: bool = False) -> tuple[PlannedPass, ...]:
    """The passes of a frame. Shares sum to 1; a member's weight is divided among its views.

    Member by member, untransposed views first, so that batches fill up; or `by_view`, with every member's
    first view before any second, so that the sum soon approaches its final value.
    """
    total = sum(member.weight for member in members)
    shares = merge_shares_by_class(
        [member.weight for member in members], [member.class_weights for member in members]
    )
    passes = [
        (
            round_,
            PlannedPass(
                position,
                VIEWS[view],
                member.weight / total / len(member.views),
                tuple(share / len(member.views) for share in own),
            ),
        )
        for position, (member, own) in enumerate(zip(members, shares, strict=True))
        for round_, view in enumerate(sorted(member.views, key=lambda view: VIEWS[view].transposes))
    ]
    if by_view:
        passes.sort(key=lambda entry: (entry[0], -entry[1].share))
    return tuple(planned for _, planned in passes)
