"""What stopping would have saved and cost on each image, had it been calibrated on the others."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from seg.engine.early_exit.rules import CalibratedRule, ExactRule
from seg.engine.jobs.calibrate import Trace, rounded_up

TOLERANCES: Final = (0.0, 0.001, 0.005, 0.01, 0.02)


@dataclass(frozen=True, slots=True)
class Outcome:
    """At one tolerance, in shares from 0 to 1.

    Attributes:
        certain: passes saved after whole rounds where nothing was learnt.
        saved: passes saved with one.
        changed: labels that then differ from the full ensemble's, on average over images.
        worst: those of the worst image.
    """

    tolerance: float
    certain: float
    saved: float
    changed: float
    worst: float


def replay_others(traces: Sequence[Trace], tolerances: Sequence[float] = TOLERANCES) -> list[Outcome]:
    """Judge each image by a calibration on all others.

    Raises:
        ValueError: there are fewer than two images.
    """
    if len(traces) < 2:
        raise ValueError(f"it takes two images, got {len(traces)}")
    risks_il = np.array([trace.risks() for trace in traces])
    of_others_il = (risks_il.sum(axis=0) - risks_il) / (len(traces) - 1)
    learnt = [rounded_up(np.maximum(risk, 0.0)) for risk in of_others_il]
    return [_outcome(traces, learnt, tolerance) for tolerance in sorted(tolerances)]


def _outcome(traces: Sequence[Trace], learnt: Sequence[tuple[float, ...]], tolerance: float) -> Outcome:
    others = len(traces) - 1
    certain = [_saved(trace, trace.replay(ExactRule(tolerance))[0]) for trace in traces]
    ends = [
        trace.replay(CalibratedRule(tolerance, others, risk))
        for trace, risk in zip(traces, learnt, strict=True)
    ]
    saved = [_saved(trace, passes) for trace, (passes, _) in zip(traces, ends, strict=True)]
    changed = [loss for _, loss in ends]
    return Outcome(
        tolerance, float(np.mean(certain)), float(np.mean(saved)), float(np.mean(changed)), max(changed)
    )


def _saved(trace: Trace, passes: int) -> float:
    return 1 - passes / trace.passes
