"""Charts as PNG or SVG, by matplotlib, in one plain style."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from seg.files.atomic import atomic_path

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

COLOURS: Final = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#754cb4", "#8c513d")
"""Those of Okabe and Ito, "Color Universal Design", 2008, and two more."""

GREY: Final = "#777777"
_PANEL: Final = (6.4, 4.6)
_DOTS_PER_INCH: Final = 120


@dataclass(frozen=True, slots=True)
class TradeOffPoint:
    """A point of a trade-off: its cost and its worth; `group` determines its colour."""

    name: str
    cost: float
    worth: float
    group: str = ""


def draw_trade_offs(
    path: Path, worth: str, panels: Mapping[str, Sequence[TradeOffPoint]], notes: Sequence[str] = ()
) -> None:
    """A panel for each kind of cost, with points and their Pareto front.

    Notes, such as explanations of short names, are written in the last panel, one per line.
    """
    figure, axes = _chart_figure(len(panels))
    groups = list(dict.fromkeys(point.group for points in panels.values() for point in points))
    for axis, (cost, points) in zip(axes, panels.items(), strict=True):
        front = pareto_front_of_points(points)
        axis.step([p.cost for p in front], [p.worth for p in front], where="post", color=GREY, zorder=1)
        for number, group in enumerate(groups):
            mine = [point for point in points if point.group == group]
            colour = COLOURS[number % len(COLOURS)]
            axis.scatter([p.cost for p in mine], [p.worth for p in mine], color=colour, label=group, zorder=2)
        _name_chart_points(axis, points, front)
        axis.set_xlabel(cost)
        axis.set_ylabel(worth)
    axes[-1].text(
        0.98, 0.03, "\n".join(notes), transform=axes[-1].transAxes, ha="right", va="bottom", fontsize=8
    )
    if any(groups):
        figure.legend(
            *axes[0].get_legend_handles_labels(), loc="outside lower center", ncols=8, frameon=False
        )
    _save_chart(figure, path)


def draw_curves(path: Path, panels: Mapping[str, Mapping[str, Sequence[float]]], along: str) -> None:
    """A panel for each metric, with a curve for each name; the x axis starts at 1."""
    figure, axes = _chart_figure(len(panels))
    for axis, (figure_name, curves) in zip(axes, panels.items(), strict=True):
        for number, (name, values) in enumerate(curves.items()):
            colour = COLOURS[number % len(COLOURS)]
            axis.plot(range(1, len(values) + 1), values, color=colour, marker=".", label=name)
        axis.set_xlabel(along)
        axis.set_ylabel(figure_name)
        if len(curves) > 1:
            axis.legend(frameon=False)
    _save_chart(figure, path)


def pareto_front_of_points(points: Sequence[TradeOffPoint]) -> list[TradeOffPoint]:
    """The points that no cheaper point equals, the cheapest first."""
    front: list[TradeOffPoint] = []
    for point in sorted(points, key=lambda point: (point.cost, -point.worth)):
        if not front or point.worth > front[-1].worth:
            front.append(point)
    return front


def _name_chart_points(axis: "Axes", points: Sequence[TradeOffPoint], front: Sequence[TradeOffPoint]) -> None:
    """Each name beside its point, towards the middle, so that none leaves the panel."""
    middle = (min(p.cost for p in points) + max(p.cost for p in points)) / 2 if points else 0.0
    for point in points:
        is_left = point.cost <= middle
        axis.annotate(
            point.name,
            (point.cost, point.worth),
            textcoords="offset points",
            xytext=(6 if is_left else -6, 5),
            ha="left" if is_left else "right",
            fontsize=8,
            color="black" if point in front else GREY,
        )


def _chart_figure(panels: int) -> tuple["Figure", list[Any]]:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(_PANEL[0] * panels, _PANEL[1]), layout="constrained")
    axes = figure.subplots(1, panels, squeeze=False)[0].tolist()
    for axis in axes:
        axis.spines[["top", "right"]].set_visible(False)
        axis.grid(color="#e5e5e5", linewidth=0.8)
        axis.set_axisbelow(True)
    return figure, axes


def _save_chart(figure: "Figure", path: Path) -> None:
    with atomic_path(path) as temporary:
        figure.savefig(temporary, dpi=_DOTS_PER_INCH)
