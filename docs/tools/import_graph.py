"""Draw which room imports which: `python docs/tools/import_graph.py docs/design/rooms.png`.

A room is a package such as `seg.engine.runtimes`; modules that lie beside packages count as one room, but for
those of the engine, which are rooms of their own. The hall, on which all stand, is left out. Rooms stand in
layers, each above all that it imports; an arrow is an import. Imports on a circle are drawn in red.
"""

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import grimp
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.patches import FancyArrowPatch

Rooms = Mapping[str, set[str]]
"""For each room the rooms that it imports."""

SHALLOW: Final = ("commands", "data", "spec")
"""Packages that are one room, whatever lies in them."""

WIDTH, HEIGHT = 16.0, 11.0
COLOURS: Final = {
    "commands": "#4c4c4c",
    "engine": "#1f77b4",
    "evaluate": "#9467bd",
    "export": "#2ca02c",
    "train": "#d95f02",
}
HALL: Final = "#8c8c8c"


def rooms_of_seg() -> Rooms:
    """The rooms and their imports, as the code has them."""
    graph = grimp.build_graph("seg", exclude_type_checking_imports=True)
    imports: dict[str, set[str]] = {}
    for module in graph.modules:
        own = room_of(module, graph)
        if own:
            others = {room_of(other, graph) for other in graph.find_modules_directly_imported_by(module)}
            imports.setdefault(own, set()).update(others - {own, ""})
    return imports


def room_of(module: str, graph: grimp.ImportGraph) -> str:
    """`engine.runtimes` for `seg.engine.runtimes.ort`, `spec` for `seg.spec.base`, nothing for the hall."""
    _, *parts = module.split(".")
    if not parts or not graph.find_children(f"seg.{parts[0]}"):
        return ""
    is_room = len(parts) > 1 and (parts[0] == "engine" or graph.find_children(".".join(["seg", *parts[:2]])))
    return ".".join(parts[: 2 if is_room and parts[0] not in SHALLOW else 1])


def layers_of(rooms: Rooms) -> dict[str, int]:
    """The layer of each room: one above the highest that it imports. Rooms of a circle share their layer."""
    below = dict.fromkeys(rooms, 0)
    for _ in rooms:
        for room, imported in rooms.items():
            others = [below[other] for other in imported if not _reaches(rooms, other, room)]
            below[room] = max([below[room], *(layer + 1 for layer in others)])
    return below


def circles_of(rooms: Rooms) -> set[tuple[str, str]]:
    """The imports that lie on a circle."""
    return {
        (room, other)
        for room, imported in rooms.items()
        for other in imported
        if _reaches(rooms, other, room)
    }


def _reaches(rooms: Rooms, start: str, goal: str) -> bool:
    seen, open_rooms = set[str](), [start]
    while open_rooms:
        room = open_rooms.pop()
        if room == goal:
            return True
        if room not in seen:
            seen.add(room)
            open_rooms += rooms[room]
    return False


def draw(rooms: Rooms, path: Path) -> None:
    """Write the picture, as PNG or SVG by its ending."""
    layers, circles = layers_of(rooms), circles_of(rooms)
    places: dict[str, tuple[float, float]] = {}
    top = max(layers.values())
    for layer in range(top + 1):
        row = sorted(room for room in rooms if layers[room] == layer)
        for position, room in enumerate(row):
            places[room] = ((position + 0.5) / len(row) * WIDTH, layer / max(top, 1) * (HEIGHT - 1) + 0.5)
    figure = Figure(figsize=(WIDTH, HEIGHT))
    FigureCanvasAgg(figure)
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set(xlim=(0, WIDTH), ylim=(0, HEIGHT))
    axes.axis("off")
    for room, imported in rooms.items():
        for other in imported:
            _arrow(axes, places[room], places[other], is_circle=(room, other) in circles)
    for room, (x, y) in places.items():
        colour = COLOURS.get(room.split(".")[0], HALL)
        box = {"boxstyle": "round,pad=0.35", "facecolor": colour, "edgecolor": "white", "linewidth": 1.5}
        axes.text(x, y, room, ha="center", va="center", color="white", fontsize=10, bbox=box, zorder=3)
    figure.savefig(path, dpi=110)


def _arrow(axes: Axes, start: tuple[float, float], end: tuple[float, float], *, is_circle: bool) -> None:
    axes.add_patch(
        FancyArrowPatch(
            start,
            end,
            arrowstyle="-|>",
            mutation_scale=9,
            shrinkA=14,
            shrinkB=14,
            linewidth=1.6 if is_circle else 0.7,
            color="#cc0000" if is_circle else "#b8b8b8",
            zorder=2 if is_circle else 1,
            connectionstyle="arc3,rad=0.05",
        )
    )


if __name__ == "__main__":
    found = rooms_of_seg()
    draw(found, Path(sys.argv[1]))
    circles = circles_of(found)
    imports = sum(map(len, found.values()))
    sys.stdout.write(f"{len(found)} rooms, {imports} imports between them, {len(circles)} in circles\n")
