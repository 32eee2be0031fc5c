"""Sizes in bytes, as people write them."""

import re
from typing import Final

from seg.errors import SpecError
from seg.ranges import BYTES

_UNITS: Final = {"B": 1, "KB": 10**3, "MB": 10**6, "GB": 10**9, "TB": 10**12}


def parse_bytes(place: str, text: str) -> int:
    """`20GB` as a number of bytes; raises SpecError, naming the place, where it is no such size."""
    found = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([KMGT]?B)", text.strip().upper(), re.ASCII)
    if found is None:
        raise SpecError(f"{place}: is a size such as 500MB or 20GB, got {text!r}")
    size = float(found[1]) * _UNITS[found[2]]
    if size > BYTES.most:
        raise SpecError(f"{place}: is at most {format_bytes(BYTES.most)}, got {text[:40]!r}")
    return round(size)


def format_bytes(count: int) -> str:
    """A number of bytes in the largest unit that leaves a whole one."""
    unit = max((unit for unit, size in _UNITS.items() if count >= size), key=_UNITS.__getitem__, default="B")
    return f"{count / _UNITS[unit]:.1f} {unit}" if unit != "B" else f"{count} B"
