"""Plot geometry: axes, lines and dots in percent of the plot's width and height, for SVG."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final, Self

MAX_TICKS: Final = 6

Point = tuple[float, float]


@dataclass(frozen=True, slots=True)
class PlotAxis:
    """A scale from `low` to `high`."""

    title: str
    low: float
    high: float

    @classmethod
    def around(cls, title: str, values: Iterable[float], *, margin: float = 0.06) -> Self:
        """A scale that contains all values, with a margin."""
        finite = [value for value in values if math.isfinite(value)] or [0.0]
        room = margin * (max(finite) - min(finite)) or 0.01
        return cls(title, min(finite) - room, max(finite) + room)

    def place(self, value: float) -> float:
        """Percent of the way from low to high."""
        return 100 * (value - self.low) / (self.high - self.low)

    @property
    def ticks(self) -> list[tuple[float, str]]:
        """At most six round values with their positions."""
        rough = (self.high - self.low) / MAX_TICKS
        power = 10.0 ** math.floor(math.log10(rough))
        step = next(power * times for times in (1, 2, 5, 10) if power * times >= rough)
        first, last = math.ceil(self.low / step - 1e-9), math.floor(self.high / step + 1e-9)
        digits = max(0, -math.floor(math.log10(step) + 1e-9))
        return [(self.place(n * step), f"{n * step:.{digits}f}") for n in range(first, last + 1)]


@dataclass(frozen=True, slots=True)
class PlotLine:
    """A line. `slot` is the position of its colour; lines with a name are in the legend."""

    name: str
    slot: int
    points: tuple[Point, ...]
    dashed: bool = False


@dataclass(frozen=True, slots=True)
class PlotDot:
    """A point with a tooltip."""

    slot: int
    point: Point
    tip: str
    faint: bool = False


@dataclass(frozen=True, slots=True)
class Plot:
    """Lines and dots on two axes."""

    title: str
    x: PlotAxis
    y: PlotAxis
    lines: tuple[PlotLine, ...] = ()
    dots: tuple[PlotDot, ...] = ()
    note: str = ""

    def path(self, line: PlotLine) -> str:
        """The line's points for SVG, in a box of 100 by 100 whose top is 0."""
        return " ".join(f"{self.left(point):.2f},{self.top(point):.2f}" for point in line.points)

    def left(self, point: Point) -> float:
        return self.x.place(point[0])

    def top(self, point: Point) -> float:
        return 100 - self.y.place(point[1])


def epoch_line(name: str, slot: int, values: Sequence[float], *, dashed: bool = False) -> PlotLine:
    """A line of values of epochs from 1 on; values that are not finite are left out."""
    points = ((float(epoch), value) for epoch, value in enumerate(values, start=1) if math.isfinite(value))
    return PlotLine(name, slot, tuple(points), dashed)
