"""What stopping would have saved and cost, on images that it was not calibrated on."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from seg.engine.calibrate import Trace, learn_risk
from seg.engine.stopping import CalibratedRule, CertainRule

HALVINGS: Final = 50
TOLERANCES: Final = (0.0, 0.001, 0.005, 0.01, 0.02)


@dataclass(frozen=True, slots=True)
class Outcome:
    """At one tolerance, in shares from 0 to 1.

    Attributes:
        certain: passes saved without a calibration.
        saved: passes saved with one.
        changed: labels that then differ from the full ensemble's, on average over images.
        worst: those of the worst image.
    """

    tolerance: float
    certain: float
    saved: float
    changed: float
    worst: float


def replay_halves(traces: Sequence[Trace], tolerances: Sequence[float] = TOLERANCES) -> list[Outcome]:
    """Calibrate on one half of the images and judge the other, over many random halvings.

    Raises:
        ValueError: there are fewer than two images.
    """
    if len(traces) < 2:
        raise ValueError(f"halves take two images, got {len(traces)}")
    random = np.random.default_rng(0)
    halvings = [random.permutation(len(traces)).tolist() for _ in range(HALVINGS)]
    return [_outcome(traces, halvings, tolerance) for tolerance in sorted(tolerances)]


def _outcome(traces: Sequence[Trace], halvings: Sequence[Sequence[int]], tolerance: float) -> Outcome:
    half = len(traces) // 2
    certain = [_saved(trace, trace.replay(CertainRule(tolerance))[0]) for trace in traces]
    saved: list[float] = []
    changed: list[float] = []
    for order in halvings:
        risk = learn_risk([traces[number] for number in order[:half]])
        for number in order[half:]:
            passes, loss = traces[number].replay(CalibratedRule(tolerance, half, risk))
            saved.append(_saved(traces[number], passes))
            changed.append(loss)
    return Outcome(
        tolerance, float(np.mean(certain)), float(np.mean(saved)), float(np.mean(changed)), max(changed)
    )


def _saved(trace: Trace, passes: int) -> float:
    return 1 - passes / trace.passes
