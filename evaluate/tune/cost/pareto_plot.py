"""The plot of sub-ensembles: score against time."""

from collections.abc import Sequence
from pathlib import Path

from seg.evaluate.tune.cost.member_study import MemberStudy
from seg.evaluate.tune.cost.sub_ensembles import SubEnsemble, describe_sub_ensemble
from seg.pictures.charts import TradeOffPoint, draw_trade_offs


def draw_pareto(path: Path, metric: str, names: Sequence[str], study: MemberStudy) -> None:
    """Draw the metric against milliseconds; sub-ensembles on the Pareto front are numbered and named.

    `names` are those of all members.
    """
    front = study.front

    def point(candidate: SubEnsemble) -> TradeOffPoint:
        members = len(candidate.mixture.members)
        number = str(front.index(candidate) + 1) if candidate in front else ""
        return TradeOffPoint(
            number, candidate.milliseconds, candidate.score, f"{members} member{'s' if members > 1 else ''}"
        )

    points = sorted(map(point, study.sub_ensembles), key=lambda one: one.group)
    notes = [
        f"{number}  {describe_sub_ensemble(names, one)}: {one.score:.4f}"
        for number, one in enumerate(front, start=1)
    ]
    draw_trade_offs(path, f"val {metric}", {"ms an image": points}, notes)
