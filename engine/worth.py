"""Which passes are worth their time most: the order in which few of them come near to all.

Greedily the pass next that brings the labels so far nearest to the full ensemble's, by the millisecond,
on images like those to come.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from seg.engine.passes import Plan
from seg.engine.runtime import Runtime
from seg.engine.speed import milliseconds_a_pass
from seg.labels import ImageHWC

PIXELS: Final = 20_000
"""How many pixels of an image are looked at, at most, to tell what a pass adds."""

Answers = NDArray[np.float32]
"""What each pass says of some pixels, float32 `[passes, C, pixels]`."""


@dataclass(frozen=True, slots=True)
class Order:
    """Positions in a plan, the most valuable first, and the seconds that each of these passes takes."""

    positions: tuple[int, ...]
    seconds: tuple[float, ...]


def rank_passes(
    runtimes: Sequence[Runtime],
    plan: Plan,
    images: Sequence[ImageHWC],
    batch_size: int,
    factors: tuple[float, ...] = (),
) -> Order:
    """Measure what every pass takes, with all streams busy, and what it adds.

    Args:
        runtimes: a loaded model for each member that the plan speaks of.
        plan: all passes of an image.
        images: some like those to come, all of them looked at and the first timed.
        batch_size: how many passes travel together.
        factors: what each class counts in the decision.
    """
    batch_nhwc = np.stack([images[0]] * batch_size)
    seconds = [milliseconds_a_pass(runtime, batch_nhwc) / 1e3 for runtime in runtimes]
    said = [_answers(runtimes, plan, image_hwc) for image_hwc in images]
    if factors:
        said = [answers * np.array(factors, dtype=np.float32)[:, None] for answers in said]
    costs = [seconds[planned.member] for planned in plan]
    classes = said[0].shape[1]
    shares_pc = np.array([[planned.share_of(label) for label in range(classes)] for planned in plan])
    positions = order_by_worth(said, shares_pc, costs)
    return Order(tuple(positions), tuple(costs[position] for position in positions))


def order_by_worth(
    said: Sequence[Answers], shares_pc: NDArray[np.float64], costs: Sequence[float]
) -> list[int]:
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


def _answers(runtimes: Sequence[Runtime], plan: Plan, image_hwc: ImageHWC) -> Answers:
    """What each pass says of pixels spread evenly over an image."""
    pixels = image_hwc.shape[0] * image_hwc.shape[1]
    chosen = slice(None, None, max(1, pixels // PIXELS))
    rows = []
    for planned in plan:
        seen_hwc = np.ascontiguousarray(planned.view.apply(image_hwc))
        answer_chw = runtimes[planned.member].run(seen_hwc[None])[0]
        upright_chw = planned.view.restore_all(answer_chw, image_hwc.shape[:2])
        rows.append(upright_chw.reshape(len(upright_chw), -1)[:, chosen])
    return np.stack(rows)
