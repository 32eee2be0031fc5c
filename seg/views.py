"""The names of views: the eight symmetries of the square (the group D4) and the usual sets of them.

The words only, for specs and cards; `seg.engine.views` holds the array operations.
"""

from typing import Final, Literal, get_args

ViewName = Literal["identity", "hflip", "vflip", "rot180", "transpose", "rot90", "rot270", "antitranspose"]
ViewSetName = Literal["none", "hflip", "flips", "rot90", "d4"]

VIEW_NAMES: Final[tuple[ViewName, ...]] = get_args(ViewName)

VIEW_SETS: Final[dict[ViewSetName, tuple[ViewName, ...]]] = {
    "none": ("identity",),
    "hflip": ("identity", "hflip"),
    "flips": ("identity", "hflip", "vflip", "rot180"),
    "rot90": ("identity", "rot90", "rot180", "rot270"),
    "d4": VIEW_NAMES,
}
