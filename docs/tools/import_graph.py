"""Draw which package imports which: `python docs/tools/import_graph.py docs/design/packages.png`.

A folder such as `seg.engine.runtimes` is a package. Modules that lie beside packages count as one package,
but each of those of the engine as one of its own. The shared modules of `seg` are left out. Packages stand in
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

Packages = Mapping[str, set[str]]
"""For each package the packages that it imports."""

SHALLOW: Final = ("commands", "data", "spec")
"""Packages that are one package, whatever lies in them."""

WIDTH, HEIGHT = 16.0, 11.0
COLOURS: Final = {
    "commands": "#4c4c4c",
    "engine": "#1f77b4",
    "evaluate": "#9467bd",
    "export": "#2ca02c",
    "train": "#d95f02",
}
SHARED: Final = "#8c8c8c"


def packages_of_seg() -> Packages:
    """The packages and their imports, as the code has them."""
    graph = grimp.build_graph("seg", exclude_type_checking_imports=True)
    imports: dict[str, set[str]] = {}
    for module in graph.modules:
        own = package_of(module, graph)
        if own:
            others = {package_of(other, graph) for other in graph.find_modules_directly_imported_by(module)}
            imports.setdefault(own, set()).update(others - {own, ""})
    return imports


def package_of(module: str, graph: grimp.ImportGraph) -> str:
    """`engine.runtimes` for `seg.engine.runtimes.ort`, `spec` for `seg.spec.base`, else nothing."""
    _, *parts = module.split(".")
    if not parts or not graph.find_children(f"seg.{parts[0]}"):
        return ""
    is_package = len(parts) > 1 and (
        parts[0] == "engine" or graph.find_children(".".join(["seg", *parts[:2]]))
    )
    return ".".join(parts[: 2 if is_package and parts[0] not in SHALLOW else 1])


def layers_of(packages: Packages) -> dict[str, int]:
    """The layer of each package: one above the highest that it imports. Those of a circle share one."""
    below = dict.fromkeys(packages, 0)
    for _ in packages:
        for package, imported in packages.items():
            others = [below[other] for other in imported if not _reaches(packages, other, package)]
            below[package] = max([below[package], *(layer + 1 for layer in others)])
    return below


def circles_of(packages: Packages) -> set[tuple[str, str]]:
    """The imports that lie on a circle."""
    return {
        (package, other)
        for package, imported in packages.items()
        for other in imported
        if _reaches(packages, other, package)
    }


def _reaches(packages: Packages, start: str, goal: str) -> bool:
    seen, open_packages = set[str](), [start]
    while open_packages:
        package = open_packages.pop()
        if package == goal:
            return True
        if package not in seen:
            seen.add(package)
            open_packages += packages[package]
    return False


def draw(packages: Packages, path: Path) -> None:
    """Write the picture, as PNG or SVG by its ending."""
    layers, circles = layers_of(packages), circles_of(packages)
    places: dict[str, tuple[float, float]] = {}
    top = max(layers.values())
    for layer in range(top + 1):
        row = sorted(package for package in packages if layers[package] == layer)
        for position, package in enumerate(row):
            places[package] = ((position + 0.5) / len(row) * WIDTH, layer / max(top, 1) * (HEIGHT - 1) + 0.5)
    figure = Figure(figsize=(WIDTH, HEIGHT))
    FigureCanvasAgg(figure)
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set(xlim=(0, WIDTH), ylim=(0, HEIGHT))
    axes.axis("off")
    for package, imported in packages.items():
        for other in imported:
            _arrow(axes, places[package], places[other], is_circle=(package, other) in circles)
    for package, (x, y) in places.items():
        colour = COLOURS.get(package.split(".")[0], SHARED)
        box = {"boxstyle": "round,pad=0.35", "facecolor": colour, "edgecolor": "white", "linewidth": 1.5}
        axes.text(x, y, package, ha="center", va="center", color="white", fontsize=10, bbox=box, zorder=3)
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
    found = packages_of_seg()
    draw(found, Path(sys.argv[1]))
    circles = circles_of(found)
    imports = sum(map(len, found.values()))
    sys.stdout.write(f"{len(found)} packages, {imports} imports between them, {len(circles)} in circles\n")
