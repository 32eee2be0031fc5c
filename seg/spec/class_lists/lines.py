"""Class lists with a class a line: `label_colors.txt`, `labelmap.txt`, `objectInfo150.txt`, `classes.txt`."""

import re
from typing import Any, Final

_COLOUR_NAME: Final = re.compile(r"(\d+)[\s,]+(\d+)[\s,]+(\d+)[\s,]+(\S.*)")
_NAME_COLOUR: Final = re.compile(r"(\S.*?)[\s,]+(\d+)[\s,]+(\d+)[\s,]+(\d+)")
_LABELMAP: Final = re.compile(r"([^:]+):(\d+),(\d+),(\d+):[^:]*:[^:]*")
_ID_NAME: Final = re.compile(r"(\d+)\s*[:,\s]\s*(\S.*)")
_HEADERS: Final = re.compile(r"#|idx\b|id\b|name\s*$", re.IGNORECASE)

_LONGEST: Final = 1000
"""Characters of a line: what is longer is no name, and takes long to match."""


def read_class_list_lines(text: str) -> list[dict[str, Any]]:
    """The classes of a text; raises ValueError with the number of a line that is none."""
    lines = [(number, line.strip()) for number, line in enumerate(text.splitlines(), start=1)]
    lines = [(number, line) for number, line in lines if line and not line.startswith("#")]
    for number, line in lines:
        if len(line) > _LONGEST:
            raise ValueError(f"{number}: has {len(line)} characters: a class in each line is expected")
    if lines and lines[0][1].lower().startswith("idx\t"):
        return [_class_of_object_info(number, line) for number, line in lines[1:]]
    if lines and _HEADERS.match(lines[0][1]):
        lines = lines[1:]
    return [_class_of_line(number, line) for number, line in lines]


def _class_of_line(number: int, line: str) -> dict[str, Any]:
    if found := _LABELMAP.fullmatch(line):
        name, *colour = found.groups()
    elif found := _COLOUR_NAME.fullmatch(line):
        *colour, name = found.groups()
    elif found := _NAME_COLOUR.fullmatch(line):
        name, *colour = found.groups()
    elif found := _ID_NAME.fullmatch(line):
        return {"name": found[2], "id": int(found[1])}
    else:
        return {"name": line}
    if max(map(int, colour)) > 255:
        raise ValueError(f"{number}: red, green and blue are 0..255, got {' '.join(colour)}")
    return {"name": name, "colour": [int(value) for value in colour]}


def _class_of_object_info(number: int, line: str) -> dict[str, Any]:
    """A line of ADE20K's `objectInfo150.txt`: an id, three figures, and synonyms; the first is taken."""
    cells = line.split("\t")
    if len(cells) < 5 or not cells[0].strip().isdigit():
        raise ValueError(
            f"{number}: id, ratio, train, val and name are expected, with tabs between, got {line!r}"
        )
    return {"name": cells[4].split(",")[0].strip(), "id": int(cells[0])}
