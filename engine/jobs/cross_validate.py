"""Cross-validation of early exit: passes saved and labels changed on each image, calibrated on all others."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from seg.engine.early_exit.rules import CalibratedRule, WorstCaseRule
from seg.engine.jobs.calibrate import Trace, rounded_up

TOLERANCES: Final = (0.0, 0.001, 0.005, 0.01, 0.02)


@dataclass(frozen=True, slots=True)
class EarlyExitEffect:
    """The effect of early exit at one tolerance, in shares from 0 to 1.

    Attributes:
        saved_in_worst_case: passes saved by the rule for the worst case, without a calibration.
        saved: passes saved with a calibration.
        changed: labels that then differ from the full ensemble's, averaged over images.
        worst: labels that differ in the worst image.
    """

    tolerance: float
    saved_in_worst_case: float
    saved: float
    changed: float
    worst: float


def cross_validate(
    traces: Sequence[Trace], tolerances: Sequence[float] = TOLERANCES
) -> list[EarlyExitEffect]:
    """Replay each image with a calibration on all others.

    Raises:
        ValueError: there are fewer than two images.
    """
    if len(traces) < 2:
        raise ValueError(f"needs two images, got {len(traces)}")
    risks_il = np.array([trace.risks() for trace in traces])
    of_others_il = (risks_il.sum(axis=0) - risks_il) / (len(traces) - 1)
    risks = [rounded_up(np.maximum(risk, 0.0)) for risk in of_others_il]
    return [_outcome(traces, risks, tolerance) for tolerance in sorted(tolerances)]


def _outcome(
    traces: Sequence[Trace], risks: Sequence[tuple[float, ...]], tolerance: float
) -> EarlyExitEffect:
    others = len(traces) - 1
    saved_in_worst_case = [_saved(trace, trace.replay(WorstCaseRule(tolerance))[0]) for trace in traces]
    ends = [
        trace.replay(CalibratedRule(tolerance, others, risk))
        for trace, risk in zip(traces, risks, strict=True)
    ]
    saved = [_saved(trace, passes) for trace, (passes, _) in zip(traces, ends, strict=True)]
    changed = [loss for _, loss in ends]
    return EarlyExitEffect(
        tolerance=tolerance,
        saved_in_worst_case=float(np.mean(saved_in_worst_case)),
        saved=float(np.mean(saved)),
        changed=float(np.mean(changed)),
        changed_at_worst=max(changed),
    )


def _saved(trace: Trace, passes: int) -> float:
    return 1 - passes / trace.passes
