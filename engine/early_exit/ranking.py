"""Which passes are worth their time most: the order in which few of them come near to all.

Greedily the pass next that brings the labels so far nearest to the full ensemble's, by the millisecond,
on images like those to come.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from seg.engine.early_exit.pass_samples import PassSamples, Shares, pass_shares, sample_passes
from seg.engine.passes.passes import Plan
from seg.engine.runtimes.base import Runtime
from seg.engine.runtimes.profiling import milliseconds_a_pass
from seg.labels import ImageHWC


@dataclass(frozen=True, slots=True)
class RankedPasses:
    """Positions in a plan, the most valuable first, and the seconds that each of these passes takes."""

    positions: tuple[int, ...]
    seconds: tuple[float, ...]


def rank_passes(
    runtimes: Mapping[str, Runtime],
    plan: Plan,
    images: Sequence[ImageHWC],
    batch_size: int,
    factors: tuple[float, ...] = (),
) -> RankedPasses:
    """Measure what every pass takes, with all streams busy, and what it adds.

    Args:
        runtimes: a loaded model for each member that the plan speaks of, by its name and in their order.
        plan: all passes of an image.
        images: some like those to come, all of them looked at and the first timed.
        batch_size: how many passes travel together.
        factors: what each class counts in the decision.
    """
    batch_nhwc = np.stack([images[0]] * batch_size)
    seconds = [milliseconds_a_pass(runtime, batch_nhwc) / 1e3 for runtime in runtimes.values()]
    said = sample_passes(runtimes, plan, (("", image_hwc) for image_hwc in images), factors)
    costs = [seconds[planned.member] for planned in plan]
    positions = order_by_value(said, pass_shares(plan, said[0].shape[1]), costs)
    return RankedPasses(tuple(positions), tuple(costs[position] for position in positions))


def order_by_value(said: Sequence[PassSamples], shares_pc: Shares, costs: Sequence[float]) -> list[int]:
    """Greedily the pass that brings most labels nearer to the full ensemble's for its cost.

    Between passes that change no label, the one goes first whose mean comes nearest for its cost.

    Args:
        said: answers to some images.
        shares_pc: of each pass for each class, `[passes, C]`.
        costs: of each pass.
    """
    passes_cp = np.concatenate(said, axis=2) * shares_pc[:, :, None].astype(np.float32)
    full_cp = passes_cp.sum(axis=0)
    final_p = full_cp.argmax(axis=0)
    order: list[int] = []
    sum_cp = np.zeros_like(full_cp)
    added_c = np.zeros((len(full_cp), 1), dtype=np.float32)
    wrong, distance = 1.0, 2.0
    while len(order) < len(costs):
        outcomes = {}
        for position in set(range(len(costs))) - set(order):
            trial_cp = sum_cp + passes_cp[position]
            so_far_c = added_c + shares_pc[position, :, None].astype(np.float32)
            far = float(np.abs(trial_cp / so_far_c - full_cp).sum(axis=0).mean())
            outcomes[position] = (float((trial_cp.argmax(axis=0) != final_p).mean()), far)
        best = max(
            outcomes,
            key=lambda p: (
                round((wrong - outcomes[p][0]) / costs[p], 9),
                (distance - outcomes[p][1]) / costs[p],
                -p,
            ),
        )
        order.append(best)
        sum_cp += passes_cp[best]
        added_c += shares_pc[best, :, None].astype(np.float32)
        wrong, distance = outcomes[best]
    return order
