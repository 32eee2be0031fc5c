"""Checks of masks with a palette, of which the indexes are read: their colours should mean the same."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
from PIL import Image

from seg.data.check.findings import Finding
from seg.labels.classes import Colour

_FIX = "if colours mean classes, give each class its 'colour', and the masks 'tolerance: 0'"


class PaletteCheck:
    """Compares the palettes of masks with those that were checked before."""

    def __init__(self) -> None:
        self._first: dict[int, tuple[Colour, Path]] = {}

    def findings(self, path: Path) -> Iterator[Finding]:
        """A warning if a value has another colour than in a mask before, or 0 is brighter than the other."""
        colours = _colours_of_used_values(path)
        for value, colour in colours.items():
            first, where = self._first.setdefault(value, (colour, path))
            if first != colour:
                problem = f"its palette shows {value} in {_rgb(colour)}, and that of {where} in {_rgb(first)}"
                yield Finding("warning", path, None, problem, _FIX)
                return
        greys = {value: colour[0] for value, colour in colours.items() if len(set(colour)) == 1}
        if len(colours) == len(greys) == 2 and 0 in greys and greys[0] > min(greys.values()):
            problem = "its palette shows 0 brighter than the other value, and 0 is taken as no object"
            yield Finding("warning", path, None, problem, _FIX)


def _colours_of_used_values(path: Path) -> dict[int, Colour]:
    """The colour of each value that a mask has; empty if it has no palette, or cannot be read."""
    try:
        with Image.open(path, formats=("PNG", "GIF", "TIFF", "BMP")) as image:
            if image.mode != "P" or image.palette is None:
                return {}
            palette = np.array(image.getpalette("RGB"), np.uint8).reshape(-1, 3)
            values = [value for value in np.unique(np.asarray(image)).tolist() if value < len(palette)]
    except (OSError, ValueError, SyntaxError):
        return {}
    rgb = {value: palette[value].tolist() for value in values}
    return {value: (red, green, blue) for value, (red, green, blue) in rgb.items()}


def _rgb(colour: Colour) -> str:
    return ",".join(map(str, colour))
