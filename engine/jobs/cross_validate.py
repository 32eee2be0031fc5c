"""Cross-validation of early exit: passes saved and labels changed in each group, calibrated on all others."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from seg.engine.early_exit.rules import CalibratedRule, WorstCaseRule
from seg.engine.jobs.calibrate import Trace, risks_by_group, rounded_up

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
    """Replay the images of each group with a calibration on all others.

    Raises:
        ValueError: there are fewer than two groups.
    """
    by_group = risks_by_group(traces)
    others = len(by_group) - 1
    if others < 1:
        raise ValueError(f"needs two groups, got {len(by_group)}")
    risks_gl = np.array(list(by_group.values()))
    of_others_gl = (risks_gl.sum(axis=0) - risks_gl) / others
    risk_of = {
        group: rounded_up(np.maximum(risk, 0.0)) for group, risk in zip(by_group, of_others_gl, strict=True)
    }
    risks = [risk_of[number if trace.group is None else trace.group] for number, trace in enumerate(traces)]
    return [_outcome(traces, risks, others, tolerance) for tolerance in sorted(tolerances)]


def _outcome(
    traces: Sequence[Trace], risks: Sequence[tuple[float, ...]], others: int, tolerance: float
) -> EarlyExitEffect:
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
        worst=max(changed),
    )


def _saved(trace: Trace, passes: int) -> float:
    return 1 - passes / trace.passes
