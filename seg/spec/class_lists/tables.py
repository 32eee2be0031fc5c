"""Class lists as tables with a header: `class_dict.csv`, Roboflow's `_classes.csv`, and their like."""

import csv
import io
import re
from typing import Any, Final

from seg.labels.classes import Colour

_NAMES: Final = ("name", "class", "class_name", "label", "category")
_IDS: Final = (
    "id",
    "pixel value",
    "pixel_value",
    "value",
    "index",
    "idx",
    "class_id",
    "label_id",
    "class_index",
)
_CHANNELS: Final = (("r", "g", "b"), ("red", "green", "blue"))
_COLOURS: Final = ("color", "colour", "rgb", "hex")


def read_class_list_table(text: str) -> list[dict[str, Any]]:
    """The classes of a CSV; raises ValueError with the number of a line that is none."""
    separator = "\t" if "\t" in text.partition("\n")[0] else ","
    try:
        rows = list(csv.reader(io.StringIO(text, newline=""), delimiter=separator, skipinitialspace=True))
    except csv.Error as error:
        raise ValueError(f" is no CSV: {error}") from error
    header = [cell.strip().lower() for cell in rows[0]] if rows else []
    name = _first_column_named(header, _NAMES)
    if name is None:
        raise ValueError(f"1: has no column of names: call one {', '.join(_NAMES)}")
    return [
        _class_of_row(number, header, [cell.strip() for cell in row], name)
        for number, row in enumerate(rows[1:], start=2)
        if any(cell.strip() for cell in row)
    ]


def _class_of_row(number: int, header: list[str], row: list[str], name: int) -> dict[str, Any]:
    if len(row) != len(header):
        raise ValueError(f"{number}: has {len(row)} values, the header {len(header)}")
    found: dict[str, Any] = {"name": row[name]}
    try:
        if (column := _first_column_named(header, _IDS)) is not None:
            found["id"] = int(row[column])
        for channels in _CHANNELS:
            if set(channels) <= set(header):
                found["colour"] = [int(row[header.index(channel)]) for channel in channels]
        if (column := _first_column_named(header, _COLOURS)) is not None:
            found["colour"] = parse_colour(row[column])
    except ValueError as error:
        raise ValueError(f"{number}: {error}") from error
    return found


def parse_colour(text: str) -> Colour:
    """A colour from `#RRGGBB` or three numbers; raises ValueError."""
    if re.fullmatch(r"#[0-9a-fA-F]{6}", text):
        return int(text[1:3], 16), int(text[3:5], 16), int(text[5:7], 16)
    numbers = re.findall(r"\d+", text)
    if len(numbers) != 3:
        raise ValueError(f"a colour is #RRGGBB or three numbers, got {text!r}")
    return int(numbers[0]), int(numbers[1]), int(numbers[2])


def _first_column_named(header: list[str], names: tuple[str, ...]) -> int | None:
    return next((header.index(name) for name in names if name in header), None)
