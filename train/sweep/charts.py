"""Charts of a sweep: scores of trials against training time and GFLOPs."""

from collections.abc import Sequence
from pathlib import Path

from seg.pictures.charts import TradeOffPoint, draw_trade_offs
from seg.spec.ensemble.metric import MetricSpec
from seg.train.sweep.trials import TrialResult


def draw_sweep(path: Path, metric: MetricSpec, outcomes: Sequence[TrialResult]) -> bool:
    """Draw the metric against minutes of training and against GFLOPs; False if no trial is finished."""
    finished = [outcome for outcome in outcomes if outcome.is_finished]
    if not finished:
        return False
    panels = {
        "minutes of training": [_point_of_trial(o, (o.seconds or 0.0) / 60) for o in finished],
        "GFLOPs an image": [_point_of_trial(o, o.gflops or 0.0) for o in finished],
    }
    draw_trade_offs(path, f"val {metric.title}", panels)
    return True


def _point_of_trial(outcome: TrialResult, cost: float) -> TradeOffPoint:
    group = str(outcome.setting.get("architecture", ""))
    name = outcome.name.rpartition("-")[0].removeprefix(f"{group}-")
    return TradeOffPoint(name, cost, outcome.score or 0.0, group)
