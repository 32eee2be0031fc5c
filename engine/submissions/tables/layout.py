"""Table layouts: header, columns, ids and order of rows, by default or from a sample submission."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from seg.engine.submissions.tables.csv_file import Row, read_table
from seg.engine.submissions.tables.match_ids import match_ids
from seg.engine.submissions.tables.table_kind import TableKind
from seg.errors import DataError

_SHOWN = 60


@dataclass(frozen=True, slots=True)
class SampleTable:
    """A contest's sample submission: its header, and its rows with their line numbers."""

    path: Path
    header: tuple[str, ...]
    rows: tuple[tuple[int, list[str]], ...]


@dataclass(frozen=True, slots=True)
class TableLayout:
    """The columns and row ids of a table.

    Attributes:
        header: of the file.
        places: the positions of our columns in the file's header, the id's first.
        name_of: the file's row ids by ours, in the file's order; None if they are the same, in any order.
    """

    header: tuple[str, ...]
    columns: tuple[int, ...]
    file_ids: Mapping[str, str] | None = None

    def to_file_order(self, row: Row) -> list[str]:
        """A row in the file's order of columns."""
        fields = [""] * len(self.header)
        for place, field in zip(self.columns, row, strict=True):
            fields[place] = field
        return fields

    def from_file_order(self, fields: Row) -> list[str]:
        """A row of the file in our order of columns, with the file's id."""
        return [fields[place] for place in self.columns]

    def arrange_rows(self, rows: Iterable[Row]) -> Iterator[Row]:
        """Our rows in the file's layout: with a sample, in its order and with its ids.

        Raises:
            DataError: a row of the sample has no prediction.
        """
        if self.file_ids is None:
            yield from map(self.to_file_order, rows)
            return
        row_of = {row[0]: row for row in rows if row[0] in self.file_ids}
        for our_id, their_id in self.file_ids.items():
            if our_id not in row_of:
                raise DataError(f"row {their_id!r} of the sample submission has no prediction")
            yield self.to_file_order((their_id, *row_of[our_id][1:]))


def plain_layout(kind: TableKind) -> TableLayout:
    """The default layout of a format."""
    return TableLayout(kind.header, tuple(range(len(kind.header))))


def sample_layout(sample: Path, kind: TableKind, image_ids: Sequence[str]) -> TableLayout:
    """The layout of a sample submission.

    Ids match if they are equal, or if only one candidate differs by a suffix, a folder or leading zeros; see
    `match_ids`. The sample may leave out rows of the unlabelled class.

    Raises:
        DataError: its columns are not those of this format, or its rows not those of these images.
    """
    table = read_sample(sample)
    ours = list(kind.row_ids(image_ids))
    columns = sample_columns(table, kind, ours)
    theirs = [fields[columns[0]] for _, fields in table.rows]
    match = match_ids(theirs, ours, kind.split)
    missing = [(line, fields[columns[0]]) for line, fields in table.rows if fields[columns[0]] not in match]
    if missing:
        line, row_id = missing[0]
        raise DataError(
            f"{sample}:{line}: row {row_id!r}{_and_more(missing)} no prediction: are these the images of the"
            " spec's 'predict' split, and is the format right?"
        )
    matched = set(match.values())
    extra = [row_id for row_id in ours if row_id not in matched]
    if not all(map(kind.is_of_background, extra)):
        raise DataError(f"{sample}: has no row {extra[0]!r} of a predicted image, nor {len(extra) - 1} more")
    return TableLayout(table.header, columns, {match[row_id]: row_id for row_id in theirs})


def read_sample(path: Path) -> SampleTable:
    """Read a sample; raises DataError if it is unreadable or empty, or a row does not match the header."""
    lines = list(read_table(path))
    if len(lines) < 2:
        raise DataError(f"{path}: has no rows: a sample submission has a header and a row for each id")
    (_, header), *rows = lines
    for line, fields in rows:
        if len(fields) != len(header):
            raise DataError(f"{path}:{line}: has {len(fields)} fields, the header has {len(header)}")
    return SampleTable(path, tuple(header), tuple(rows))


def sample_columns(table: SampleTable, kind: TableKind, row_ids: Iterable[str]) -> tuple[int, ...]:
    """The positions of our columns in a sample's header: of ids, and then of values.

    Columns of classes are found by name. With one column of values, ids are in the first column, unless only
    the second has known ids.

    Raises:
        DataError: the columns do not match, or an id is duplicate.
    """
    if len(table.header) != len(kind.header):
        raise _other_columns(table, kind)
    if len(kind.header) > 2:
        id_places = [place for place, name in enumerate(table.header) if name not in kind.header[1:]]
        if len(id_places) != 1 or len(set(table.header)) < len(table.header):
            raise _other_columns(table, kind)
        columns = (id_places[0], *map(table.header.index, kind.header[1:]))
    else:
        known = set(row_ids)
        turned = any(row[1] in known for _, row in table.rows) and not any(
            row[0] in known for _, row in table.rows
        )
        columns = (1, 0) if turned else (0, 1)
    counts = Counter(fields[columns[0]] for _, fields in table.rows)
    for line, fields in table.rows:
        if counts[fields[columns[0]]] > 1:
            raise DataError(f"{table.path}:{line}: the id {fields[columns[0]]!r} is duplicate")
    return columns


def _other_columns(table: SampleTable, kind: TableKind) -> DataError:
    found, wanted = (",".join(header)[:_SHOWN] for header in (table.header, kind.header))
    return DataError(
        f"{table.path}:1: its columns are {found!r}, but those of this format and these classes {wanted!r}:"
        " name the classes as the sample does, or choose another format"
    )


def _and_more(some: Sequence[object]) -> str:
    return " has" if len(some) == 1 else f" and {len(some) - 1} more have"


def read_mapped_rows(path: Path, layout: TableLayout) -> Iterator[tuple[int, list[str]]]:
    """The rows of a table in our order of columns and with our ids, with their line numbers.

    Raises:
        DataError: the header or the number of fields of a row is wrong.
    """
    rows = read_table(path)
    line, found = next(rows, (1, []))
    if tuple(found) != layout.header:
        wanted = ",".join(layout.header)
        raise DataError(f"{path}:{line}: the header must be {wanted!r}, got {','.join(found)[:80]!r}")
    our_id = {their_id: ours for ours, their_id in (layout.file_ids or {}).items()}
    for line, fields in rows:
        if len(fields) != len(layout.header):
            raise DataError(f"{path}:{line}: has {len(fields)} fields, the header has {len(layout.header)}")
        row_id, *values = layout.from_file_order(fields)
        yield line, [our_id.get(row_id, row_id), *values]
