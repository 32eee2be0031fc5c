"""Pass ranking: an order in which the first few passes already predict nearly the full ensemble's labels.

Greedy: the next pass is the one that brings the labels nearest to the full ensemble's per millisecond,
measured on sample images.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from seg.engine.early_exit.pass_samples import MergeShares, PassSamples, merge_shares_of_passes, sample_passes
from seg.engine.member import Member, default_pass_order
from seg.engine.runtimes.profiling import milliseconds_per_pass
from seg.image_type import ImageHWB


@dataclass(frozen=True, slots=True)
class RankedPasses:
    """Positions in the default pass order, the most valuable first, and the seconds of each."""

    positions: tuple[int, ...]
    seconds: tuple[float, ...]


def rank_passes(
    members: Sequence[Member],
    images: Sequence[ImageHWB],
    batch_size: int,
    factors: tuple[float, ...] = (),
) -> RankedPasses:
    """Measure the time of every pass, with all streams busy, and the labels that it corrects.

    Args:
        members: of the ensemble, with their views.
        images: samples of the images to predict. Labels come from all of them, times from the first.
        batch_size: passes in a batch.
        factors: the factor of each class in the decision.
    """
    pass_order = default_pass_order(members)
    batch_nhwc = np.stack([images[0]] * batch_size)
    seconds = [milliseconds_per_pass(member.runtime, batch_nhwc) / 1e3 for member in members]
    samples = sample_passes(members, pass_order, (("", image_hwc) for image_hwc in images), factors)
    costs = [seconds[planned.member] for planned in pass_order]
    positions = order_by_gain(samples, merge_shares_of_passes(pass_order, samples[0].shape[1]), costs)
    return RankedPasses(tuple(positions), tuple(costs[position] for position in positions))


def order_by_gain(
    samples: Sequence[PassSamples], shares_pc: MergeShares, costs: Sequence[float]
) -> list[int]:
    """Order passes greedily by the labels that each brings to the full ensemble's, for its cost.

    Among passes that change no label, the one whose mean comes nearest for its cost is first.

    Args:
        samples: probabilities of all passes, one array an image.
        shares_pc: of each pass for each class, `[passes, C]`.
        costs: of each pass.
    """
    passes_cp = np.concatenate(samples, axis=2) * shares_pc[:, :, None].astype(np.float32)
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
