"""Rounds of passes: in each round every member runs the same fraction of its views.

After a whole round every member has its full relative share in the mean. The mean is then nearer to the full
ensemble's than after the same number of other passes.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence

import numpy as np

from seg.engine.early_exit.pass_samples import MergeShares, PassSamples, merge_shares_of_passes, sample_passes
from seg.engine.member import Member, default_pass_order
from seg.engine.passes.passes import PassOrder
from seg.image_type import ImageHWB

ViewCounts = Counter[int]
"""The number of views of each member, by its position, that have run."""


def round_ends(pass_order: PassOrder) -> tuple[int, ...]:
    """The number of passes after which each round but the last is complete; ascending."""
    ends: list[int] = []
    done: ViewCounts = Counter()
    due = list(_views_due([planned.member for planned in pass_order]))
    for taken, planned in enumerate(pass_order[:-1], start=1):
        done[planned.member] += 1
        if done in due:
            ends.append(taken)
    return tuple(ends)


def tile_checkpoints(pass_order: PassOrder) -> tuple[int, ...]:
    """The numbers of passes after which a tile may end: each of the first round, then the end of each."""
    ends = round_ends(pass_order)
    return (*range(1, ends[0] if ends else len(pass_order)), *ends)


def rank_passes_in_rounds(
    members: Sequence[Member], images: Iterable[tuple[str, ImageHWB]], factors: tuple[float, ...] = ()
) -> tuple[int, ...]:
    """Order the passes in rounds that soon predict nearly the same as all, on sample images.

    Args:
        members: of the ensemble, with their views.
        images: each with its name, which may be empty.
        factors: the factor of each class in the decision.

    Returns:
        Positions in the default pass order.
    """
    pass_order = default_pass_order(members)
    samples = sample_passes(members, pass_order, images, factors)
    shares_pc = merge_shares_of_passes(pass_order, samples[0].shape[1])
    return tuple(order_in_rounds(samples, shares_pc, [planned.member for planned in pass_order]))


def order_in_rounds(
    samples: Sequence[PassSamples], shares_pc: MergeShares, members: Sequence[int]
) -> list[int]:
    """Order passes in rounds; within a round greedily, by how near each brings labels to those of all.

    The views of a member that have not run yet are extrapolated from those that have.

    Args:
        samples: probabilities of all passes, one array an image.
        shares_pc: of each pass for each class.
        members: the member of each pass.
    """
    passes_pcn = np.concatenate(samples, axis=2) * shares_pc[:, :, None].astype(np.float32)
    full_cn = passes_pcn.sum(axis=0)
    final_n = full_cn.argmax(axis=0)
    of = {
        member: [p for p, of_pass in enumerate(members) if of_pass == member]
        for member in dict.fromkeys(members)
    }
    order: list[int] = []

    def extrapolated(member: int, taken: Sequence[int]) -> PassSamples:
        whole_c, seen_c = (shares_pc[list(some)].sum(axis=0) for some in (of[member], taken))
        extrapolated_cn: PassSamples = passes_pcn[list(taken)].sum(axis=0)
        extrapolated_cn *= (whole_c / seen_c).astype(np.float32)[:, None]
        return extrapolated_cn

    def distance(others_cn: PassSamples, member: int, taken: Sequence[int]) -> tuple[float, float]:
        trial_cn = others_cn + extrapolated(member, taken)
        return float((trial_cn.argmax(axis=0) != final_n).mean()), float(np.abs(trial_cn - full_cn).mean())

    taken_of: dict[int, list[int]] = {member: [] for member in of}
    for member in _member_sequence(members):
        others_cn = np.zeros_like(full_cn)
        for other, taken in taken_of.items():
            if other != member and taken:
                others_cn += extrapolated(other, taken)
        left = [position for position in of[member] if position not in taken_of[member]]
        best = min(left, key=lambda p: distance(others_cn, member, [*taken_of[member], p]))
        taken_of[member].append(best)
        order.append(best)
    return order


def _member_sequence(members: Sequence[int]) -> Iterator[int]:
    """The member of each pass in turn, round by round."""
    done: ViewCounts = Counter()
    for due in _views_due(members):
        for member, count in due.items():
            yield from [member] * (count - done[member])
        done = due


def _views_due(members: Sequence[int]) -> Iterator[ViewCounts]:
    """The views of each member that have run after each round; one a round for the most views."""
    views = Counter(members)
    rounds = max(views.values())
    for number in range(1, rounds + 1):
        yield Counter({member: -(-number * count // rounds) for member, count in views.items()})
