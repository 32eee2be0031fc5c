"""Reading and writing of CSV tables."""

import csv
import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

from seg.errors import DataError
from seg.files.atomic import atomic_path, regular_file

Row = Sequence[str]


def write_csv_table(path: Path, header: Row, rows: Iterable[Row]) -> None:
    """Write a CSV, atomically.

    Raises:
        OutputError: the folder cannot be written.
        DataError: a field cannot be encoded as UTF-8.
    """
    try:
        with (
            atomic_path(path) as temporary,
            temporary.open("w", encoding="utf-8", newline="") as file,
        ):
            writer = csv.writer(_UnixLines(file), lineterminator=_DOS_LINE)
            writer.writerow(header)
            writer.writerows(rows)
    except UnicodeEncodeError as error:
        raise DataError(
            f"{path}: cannot be written: {error.object[:60]!r} is not valid text in UTF-8: rename it"
        ) from error


def read_csv_table(path: Path, delimiter: str = ",") -> Iterator[tuple[int, list[str]]]:
    """The rows of a CSV with their line numbers, the header first; empty lines are skipped.

    Raises:
        DataError: the file cannot be read, or is not a CSV in UTF-8.
    """
    # A class of a large image may have more text than the csv module's default limit.
    csv.field_size_limit(sys.maxsize)
    try:
        with regular_file(path).open(encoding="utf-8-sig", newline="") as file:
            reader = csv.reader(file, delimiter=delimiter)
            for row in reader:
                if row:
                    yield reader.line_num, row
    except OSError as error:
        raise DataError(f"{path}: cannot be read: {error.strerror}") from error
    except (UnicodeDecodeError, csv.Error) as error:
        raise DataError(f"{path}: is not a CSV in UTF-8: {error}") from error


_DOS_LINE = "\r\n"


@dataclass(frozen=True, slots=True)
class _UnixLines:
    """Ends rows with LF. The csv module quotes a CR in a field only if rows end with CR."""

    file: TextIO

    def write(self, row: str) -> None:
        self.file.write(row.removesuffix(_DOS_LINE) + "\n")
