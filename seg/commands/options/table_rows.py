"""Rows of a table: filter, sort, and format them as CSV, Markdown or JSON."""

import csv
import io
import json
from collections.abc import Sequence
from typing import Any, TypeVar

from pydantic import BaseModel

from seg.errors import SpecError
from seg.spec.base import did_you_mean

Row = TypeVar("Row", bound=BaseModel)


def filter_table_rows(rows: Sequence[Row], sort: str, where: Sequence[str]) -> list[Row]:
    """The rows that match all conditions `COLUMN=TEXT`, sorted by a column: numbers from high to low.

    Raises:
        SpecError: a column is not known.
    """
    kept = list(rows)
    for condition in where:
        column, equals, text = condition.partition("=")
        if not equals:
            raise SpecError(f"--where: is COLUMN=TEXT, got {condition!r}")
        kept = [row for row in kept if text in str(_column_value(row, column))]
    if not kept:
        return []
    return sorted(kept, key=lambda row: _row_sort_key(_column_value(row, sort)))


def format_table_rows(rows: Sequence[BaseModel], form: str) -> str:
    """Format rows as csv, md or json; raises SpecError for other formats."""
    dumped = [row.model_dump() for row in rows]
    names = list(dumped[0]) if dumped else []
    match form:
        case "json":
            return json.dumps(dumped, indent=2)
        case "csv":
            text = io.StringIO()
            writer = csv.DictWriter(text, names, lineterminator="\n")
            writer.writeheader()
            writer.writerows(dumped)
            return text.getvalue().rstrip("\n")
        case "md":
            lines = [
                names,
                ["---"] * len(names),
                *([_markdown_cell(v) for v in row.values()] for row in dumped),
            ]
            return "\n".join(f"| {' | '.join(line)} |" for line in lines)
        case _:
            raise SpecError(f"--as: {did_you_mean(form, ('table', 'csv', 'md', 'json'))}")


def _column_value(row: BaseModel, column: str) -> Any:
    known = type(row).model_fields
    if column not in known:
        raise SpecError(f"there is no column {column!r}: {did_you_mean(column, known)}")
    return getattr(row, column)


def _row_sort_key(value: Any) -> tuple[bool, Any]:
    if value is None:
        return True, 0
    return False, -value if isinstance(value, int | float) else str(value)


def _markdown_cell(value: Any) -> str:
    return "" if value is None else str(value)
