"""Submissions that are a CSV: rows of text, each with an id first."""

import csv
import sys
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from seg.errors import DataError
from seg.files import atomic_path

Row = Sequence[str]


def write_table(path: Path, header: Row, rows: Iterable[Row], sample: Path | None) -> None:
    """Write a CSV, atomically, with its rows in the order given, or that of a sample's first column.

    Raises:
        OutputError: the folder cannot be written.
        DataError: the sample has other ids.
    """
    if sample is not None:
        rows = _in_order_of(sample, rows)
    with (
        atomic_path(path) as temporary,
        temporary.open("w", encoding="utf-8", newline="") as file,
    ):
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(header)
        writer.writerows(rows)


def read_table(path: Path) -> Iterator[tuple[int, list[str]]]:
    """The rows of a CSV with their line numbers, the header first; empty lines are left out.

    Raises:
        DataError: the file cannot be read, or is no CSV in UTF-8.
    """
    # A class of a large image has more text than the csv module takes by default.
    csv.field_size_limit(sys.maxsize)
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.reader(file)
            for row in reader:
                if row:
                    yield reader.line_num, row
    except OSError as error:
        raise DataError(f"{path}: cannot be read: {error.strerror}") from error
    except (UnicodeDecodeError, csv.Error) as error:
        raise DataError(f"{path}: is not a CSV in UTF-8: {error}") from error


def body_of(path: Path, header: Row) -> Iterator[tuple[int, list[str]]]:
    """The rows below a header, each as long as the header; raises DataError where that is another."""
    rows = read_table(path)
    line, found = next(rows, (1, []))
    if found != list(header):
        raise DataError(f"{path}:{line}: the header is {','.join(header)!r}, got {','.join(found)[:80]!r}")
    for line, row in rows:
        if len(row) != len(header):
            raise DataError(f"{path}:{line}: has {len(row)} fields, the header has {len(header)}")
        yield line, row


def _in_order_of(sample: Path, rows: Iterable[Row]) -> list[Row]:
    wanted = [row[0] for _, row in read_table(sample)][1:]
    row_of = {row[0]: row for row in rows}
    missing = [row_id for row_id in wanted if row_id not in row_of]
    if missing:
        raise DataError(
            f"{sample}: row {missing[0]!r} and {len(missing) - 1} more have no prediction:"
            " are these the images of the spec's 'predict' split, and is the format right?"
        )
    extra = row_of.keys() - set(wanted)
    if extra:
        raise DataError(f"{sample}: lacks {min(extra)!r} and {len(extra) - 1} more rows that are predicted")
    return [row_of[row_id] for row_id in wanted]
