"""Views: the eight symmetries of the square (the group D4), by name, the usual sets of them, and scales.

Their definition, for specs, cards and graphs; `seg.engine.passes.views` has the array operations.
"""

from typing import Final, Literal, NamedTuple, get_args

SymmetryName = Literal[
    "identity", "hflip", "vflip", "rot180", "transpose", "rot90", "rot270", "antitranspose"
]
ScaleName = Literal[
    "scale0.5",
    "scale0.75",
    "scale1.25",
    "scale1.5",
    "scale2",
    "hflip-scale0.5",
    "hflip-scale0.75",
    "hflip-scale1.25",
    "hflip-scale1.5",
    "hflip-scale2",
]
ViewName = Literal[SymmetryName, ScaleName]
ViewSetName = Literal["none", "hflip", "flips", "rot90", "d4"]

VIEW_NAMES: Final[tuple[SymmetryName, ...]] = get_args(SymmetryName)
SCALE_NAMES: Final[tuple[ScaleName, ...]] = get_args(ScaleName)


class Symmetry(NamedTuple):
    """A transpose, then flips, then a scale; a transpose swaps height and width."""

    transposes: bool = False
    flips_rows: bool = False
    flips_columns: bool = False
    scale: float = 1.0


def _scaled_view(name: ScaleName) -> Symmetry:
    flip, _, scale = name.rpartition("scale")
    return Symmetry(flips_columns=bool(flip), scale=float(scale))


SYMMETRIES: Final[dict[ViewName, Symmetry]] = {
    "identity": Symmetry(),
    "hflip": Symmetry(flips_columns=True),
    "vflip": Symmetry(flips_rows=True),
    "rot180": Symmetry(flips_rows=True, flips_columns=True),
    "transpose": Symmetry(transposes=True),
    "rot90": Symmetry(transposes=True, flips_rows=True),
    "rot270": Symmetry(transposes=True, flips_columns=True),
    "antitranspose": Symmetry(transposes=True, flips_rows=True, flips_columns=True),
    **{name: _scaled_view(name) for name in SCALE_NAMES},
}

VIEW_SETS: Final[dict[ViewSetName, tuple[ViewName, ...]]] = {
    "none": ("identity",),
    "hflip": ("identity", "hflip"),
    "flips": ("identity", "hflip", "vflip", "rot180"),
    "rot90": ("identity", "rot90", "rot180", "rot270"),
    "d4": VIEW_NAMES,
}


def without_scale(view: ViewName) -> ViewName:
    """The view without its scale, for training, which has random scales of its own."""
    if SYMMETRIES[view].scale == 1:
        return view
    return "hflip" if SYMMETRIES[view].flips_columns else "identity"
