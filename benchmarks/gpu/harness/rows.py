"""A row of the table, and how the process that measured it hands it on."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Literal

Status = Literal["measured", "absent", "failed", "timed out", "no time left"]


@dataclass(frozen=True)
class Row:
    """Figures of what was measured, or why there are none.

    Attributes:
        section: the table that it stands in.
        name: what was measured.
        cells: figures by column.
        key: by which other rows of the section are compared with this one.
        networks: the key of the row with the same networks alone.
        note: anything to be said beside the figures.
    """

    section: str
    name: str
    cells: Mapping[str, float | str] = field(default_factory=dict)
    key: str = ""
    networks: str = ""
    status: Status = "measured"
    note: str = ""


def append_measured_row(path: Path, row: Row) -> None:
    """Write it at once, as the process may be ended at any time."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a", encoding="utf-8") as file:
        file.write(json.dumps(asdict(row)) + "\n")


def read_measured_rows(path: Path) -> Iterator[Row]:
    """All whole rows; the last line of a process that was killed may be cut off."""
    if not path.exists():
        return
    for line in path.read_text(encoding="utf-8").splitlines():
        try:
            yield Row(**json.loads(line))
        except (ValueError, TypeError):
            continue
