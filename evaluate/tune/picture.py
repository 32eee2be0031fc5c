"""What sub-ensembles cost and what they are worth, drawn."""

from pathlib import Path

from seg.charts import Point, draw_trade_offs
from seg.evaluate.tune.tune import Tuned
from seg.evaluate.tune.value import SubEnsemble


def draw_pareto(path: Path, tuned: Tuned) -> None:
    """Draw mIoU against milliseconds; those that nothing cheaper equals have names."""

    def point(candidate: SubEnsemble) -> Point:
        members = candidate.mixture.members
        name = (
            " + ".join(tuned.passes.names[member] for member in members) if candidate in tuned.front else ""
        )
        group = "1 member" if len(members) == 1 else f"{len(members)} members"
        return Point(name, candidate.milliseconds, candidate.miou, group)

    points = sorted(map(point, tuned.priced), key=lambda one: one.group)
    draw_trade_offs(path, "val mIoU", {"ms an image": points})
