"""Rounds: in each, every member is asked for the same part of its views.

After whole rounds every member has its own share in the mean, which is so nearer to the full ensemble's than
that of as many other passes.
"""

from collections import Counter
from collections.abc import Iterator, Sequence

import numpy as np

from seg.engine.early_exit.pass_samples import PassSamples, Shares
from seg.engine.passes.passes import Plan

Asked = Counter[int]
"""For each member, by position, how many of its views it was asked for."""


def round_ends(plan: Plan) -> tuple[int, ...]:
    """After how many passes of a plan a round is whole, but for the last; ascending."""
    ends: list[int] = []
    asked: Asked = Counter()
    due = list(_due([planned.member for planned in plan]))
    for taken, planned in enumerate(plan[:-1], start=1):
        asked[planned.member] += 1
        if asked in due:
            ends.append(taken)
    return tuple(ends)


def order_in_rounds(said: Sequence[PassSamples], shares_pc: Shares, members: Sequence[int]) -> list[int]:
    """Positions of passes, round by round; greedily the view next that brings labels nearest to all passes'.

    What a member has not been asked yet is taken to be like what it has said.

    Args:
        said: answers to some images.
        shares_pc: of each pass for each class.
        members: whose pass each is.
    """
    passes_pcn = np.concatenate(said, axis=2) * shares_pc[:, :, None].astype(np.float32)
    full_cn = passes_pcn.sum(axis=0)
    final_n = full_cn.argmax(axis=0)
    of = {member: [p for p, own in enumerate(members) if own == member] for member in dict.fromkeys(members)}
    order: list[int] = []

    def completed(member: int, taken: Sequence[int]) -> PassSamples:
        whole_c, seen_c = (shares_pc[list(some)].sum(axis=0) for some in (of[member], taken))
        completed_cn: PassSamples = passes_pcn[list(taken)].sum(axis=0)
        completed_cn *= (whole_c / seen_c).astype(np.float32)[:, None]
        return completed_cn

    def distance(others_cn: PassSamples, member: int, taken: Sequence[int]) -> tuple[float, float]:
        trial_cn = others_cn + completed(member, taken)
        return float((trial_cn.argmax(axis=0) != final_n).mean()), float(np.abs(trial_cn - full_cn).mean())

    taken_of: dict[int, list[int]] = {member: [] for member in of}
    for member in _turns(members):
        others_cn = np.zeros_like(full_cn)
        for other, taken in taken_of.items():
            if other != member and taken:
                others_cn += completed(other, taken)
        left = [position for position in of[member] if position not in taken_of[member]]
        best = min(left, key=lambda p: distance(others_cn, member, [*taken_of[member], p]))
        taken_of[member].append(best)
        order.append(best)
    return order


def _turns(members: Sequence[int]) -> Iterator[int]:
    """Whose pass comes next, round by round."""
    asked: Asked = Counter()
    for due in _due(members):
        for member, count in due.items():
            yield from [member] * (count - asked[member])
        asked = due


def _due(members: Sequence[int]) -> Iterator[Asked]:
    """How many views each member was asked for after each round, of as many rounds as one has views."""
    views = Counter(members)
    rounds = max(views.values())
    for number in range(1, rounds + 1):
        yield Counter({member: -(-number * count // rounds) for member, count in views.items()})
