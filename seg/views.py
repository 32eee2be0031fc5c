"""Views: the eight symmetries of the square (the group D4), by name, and the usual sets of them.

What they are, for specs, cards and graphs; `seg.engine.views` holds the array operations.
"""

from typing import Final, Literal, NamedTuple, get_args

ViewName = Literal["identity", "hflip", "vflip", "rot180", "transpose", "rot90", "rot270", "antitranspose"]
ViewSetName = Literal["none", "hflip", "flips", "rot90", "d4"]

VIEW_NAMES: Final[tuple[ViewName, ...]] = get_args(ViewName)


class Symmetry(NamedTuple):
    """First the transpose, then the flips. One that transposes swaps height and width."""

    transposes: bool = False
    flips_rows: bool = False
    flips_columns: bool = False


SYMMETRIES: Final[dict[ViewName, Symmetry]] = {
    "identity": Symmetry(),
    "hflip": Symmetry(flips_columns=True),
    "vflip": Symmetry(flips_rows=True),
    "rot180": Symmetry(flips_rows=True, flips_columns=True),
    "transpose": Symmetry(transposes=True),
    "rot90": Symmetry(transposes=True, flips_rows=True),
    "rot270": Symmetry(transposes=True, flips_columns=True),
    "antitranspose": Symmetry(transposes=True, flips_rows=True, flips_columns=True),
}

VIEW_SETS: Final[dict[ViewSetName, tuple[ViewName, ...]]] = {
    "none": ("identity",),
    "hflip": ("identity", "hflip"),
    "flips": ("identity", "hflip", "vflip", "rot180"),
    "rot90": ("identity", "rot90", "rot180", "rot270"),
    "d4": VIEW_NAMES,
}
