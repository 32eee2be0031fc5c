"""Cross-validation of early exit: passes saved and labels changed in each group, calibrated on all others."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from seg.engine.early_exit.rules import CalibratedRule, WorstCaseRule
from seg.engine.early_exit.traces import AnyTrace, Units, risks_by_group, round_up_risk

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


def cross_validate_calibration(
    traces: Sequence[AnyTrace], tolerances: Sequence[float] = TOLERANCES, units: Units = "images"
) -> list[EarlyExitEffect]:
    """Replay the images of each group with a calibration on all others, in which `units` count as one.

    Raises:
        ValueError: there are fewer than two groups.
    """
    by_group = risks_by_group(traces, units)
    if len(by_group) < 2:
        raise ValueError(f"needs two groups, got {len(by_group)}")
    sums = {group: risks_ul.sum(axis=0) for group, risks_ul in by_group.items()}
    sum_of_all = np.sum(list(sums.values()), axis=0)
    all_units = sum(map(len, by_group.values()))
    calibrations = {}
    for group, own in by_group.items():
        others = all_units - len(own)
        calibrations[group] = others, round_up_risk(np.maximum((sum_of_all - sums[group]) / others, 0.0))
    of_traces = [
        calibrations[number if trace.group is None else trace.group] for number, trace in enumerate(traces)
    ]
    return [_early_exit_effect(traces, of_traces, tolerance) for tolerance in sorted(tolerances)]


def _early_exit_effect(
    traces: Sequence[AnyTrace], calibrations: Sequence[tuple[int, Sequence[float]]], tolerance: float
) -> EarlyExitEffect:
    saved_in_worst_case = [
        _share_of_passes_saved(trace, trace.replay(WorstCaseRule(tolerance))[0]) for trace in traces
    ]
    ends = [
        trace.replay(CalibratedRule(tolerance, units, risk))
        for trace, (units, risk) in zip(traces, calibrations, strict=True)
    ]
    saved = [_share_of_passes_saved(trace, passes) for trace, (passes, _) in zip(traces, ends, strict=True)]
    changed = [loss for _, loss in ends]
    return EarlyExitEffect(
        tolerance=tolerance,
        saved_in_worst_case=float(np.mean(saved_in_worst_case)),
        saved=float(np.mean(saved)),
        changed=float(np.mean(changed)),
        worst=max(changed),
    )


def _share_of_passes_saved(trace: AnyTrace, passes: int) -> float:
    """The share of passes saved; nothing where all tiles are plain."""
    return 1 - passes / trace.passes if trace.passes else 0.0
