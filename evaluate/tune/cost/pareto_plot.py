"""The plot of sub-ensembles: score against time."""

from pathlib import Path

from seg.evaluate.tune.cost.sub_ensembles import SubEnsemble
from seg.evaluate.tune.tune import Tuned
from seg.pictures.charts import Point, draw_trade_offs


def draw_pareto(path: Path, tuned: Tuned) -> None:
    """Draw mIoU against milliseconds; sub-ensembles on the Pareto front are numbered and named."""

    def point(candidate: SubEnsemble) -> Point:
        members = len(candidate.mixture.members)
        number = str(tuned.front.index(candidate) + 1) if candidate in tuned.front else ""
        return Point(
            number, candidate.milliseconds, candidate.score, f"{members} member{'s' if members > 1 else ''}"
        )

    points = sorted(map(point, tuned.priced), key=lambda one: one.group)
    notes = [f"{number}  {_name(tuned, one)}" for number, one in enumerate(tuned.front, start=1)]
    draw_trade_offs(path, f"val {tuned.metric.title}", {"ms an image": points}, notes)


def _name(tuned: Tuned, candidate: SubEnsemble) -> str:
    mixture = candidate.mixture
    names = " + ".join(tuned.passes.names[member] for member in mixture.members)
    passes = "1 pass" if mixture.passes == 1 else f"{mixture.passes} passes"
    return f"{names}, {passes}: {candidate.score:.4f}"
