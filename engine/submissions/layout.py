"""The header, columns, ids and order of a table: the format's own, or those of a sample submission."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from seg.engine.submissions.match_ids import match_ids
from seg.engine.submissions.table_kind import TableKind
from seg.engine.submissions.tables import Row, read_table
from seg.errors import DataError

_SHOWN = 60


@dataclass(frozen=True, slots=True)
class SampleTable:
    """A contest's sample submission: its header, and its rows with their lines."""

    path: Path
    header: tuple[str, ...]
    rows: tuple[tuple[int, list[str]], ...]


@dataclass(frozen=True, slots=True)
class TableLayout:
    """Where a table has what.

    Attributes:
        header: as it is in the file.
        places: the positions in the header of our columns, the id's first.
        name_of: the rows' ids in the file by ours, in the file's order; None where they are ours, in any
            order.
    """

    header: tuple[str, ...]
    places: tuple[int, ...]
    name_of: Mapping[str, str] | None = None

    def arranged(self, row: Row) -> list[str]:
        """A row of ours as the file has it."""
        fields = [""] * len(self.header)
        for place, field in zip(self.places, row, strict=True):
            fields[place] = field
        return fields

    def picked(self, fields: Row) -> list[str]:
        """A row of the file in our order of columns, with the file's id."""
        return [fields[place] for place in self.places]

    def in_order(self, rows: Iterable[Row]) -> Iterator[Row]:
        """Rows of ours as the file has them: those of the sample in its order, with its ids.

        Raises:
            DataError: there is no row for one of the sample.
        """
        if self.name_of is None:
            yield from map(self.arranged, rows)
            return
        row_of = {row[0]: row for row in rows if row[0] in self.name_of}
        for our_id, their_id in self.name_of.items():
            if our_id not in row_of:
                raise DataError(
                    f"the sample submission has the row {their_id!r}, for which there is no prediction"
                )
            yield self.arranged((their_id, *row_of[our_id][1:]))


def plain_layout(kind: TableKind) -> TableLayout:
    """The format's own."""
    return TableLayout(kind.header, tuple(range(len(kind.header))))


def sample_layout(sample: Path, kind: TableKind, image_ids: Sequence[str]) -> TableLayout:
    """That of a sample submission.

    An id of the sample is that of a row of ours where they are the same, or where no other differs from it
    only by an ending, a folder, or zeros in front. The sample may lack the rows of the unlabelled class.

    Raises:
        DataError: its columns are none of this format, or its rows are not those of these images.
    """
    table = read_sample(sample)
    ours = list(kind.row_ids(image_ids))
    places = sample_places(table, kind, ours)
    theirs = [fields[places[0]] for _, fields in table.rows]
    match = match_ids(theirs, ours, kind.split)
    missing = [(line, fields[places[0]]) for line, fields in table.rows if fields[places[0]] not in match]
    if missing:
        line, row_id = missing[0]
        raise DataError(
            f"{sample}:{line}: row {row_id!r}{_and_more(missing)} no prediction: are these the images of the"
            " spec's 'predict' split, and is the format right?"
        )
    matched = set(match.values())
    extra = [row_id for row_id in ours if row_id not in matched]
    if not all(map(kind.is_of_background, extra)):
        raise DataError(
            f"{sample}: lacks the row {extra[0]!r} of an image that is predicted, and {len(extra) - 1} more"
        )
    return TableLayout(table.header, places, {match[row_id]: row_id for row_id in theirs})


def read_sample(path: Path) -> SampleTable:
    """Raises DataError where it cannot be read, has no rows, or one of another length than the header."""
    lines = list(read_table(path))
    if len(lines) < 2:
        raise DataError(f"{path}: has no rows: a sample submission has a header and a row for each id")
    (_, header), *rows = lines
    for line, fields in rows:
        if len(fields) != len(header):
            raise DataError(f"{path}:{line}: has {len(fields)} fields, the header has {len(header)}")
    return SampleTable(path, tuple(header), tuple(rows))


def sample_places(table: SampleTable, kind: TableKind, row_ids: Iterable[str]) -> tuple[int, ...]:
    """The positions in a sample's header of our columns: that of ids, and then of values.

    Columns of classes are found by the classes' names. Where there is only one column of values, ids are in
    the first, unless only the second has ids that are known.

    Raises:
        DataError: the columns are others, or an id is there twice.
    """
    if len(table.header) != len(kind.header):
        raise _other_columns(table, kind)
    if len(kind.header) > 2:
        id_places = [place for place, name in enumerate(table.header) if name not in kind.header[1:]]
        if len(id_places) != 1 or len(set(table.header)) < len(table.header):
            raise _other_columns(table, kind)
        places = (id_places[0], *map(table.header.index, kind.header[1:]))
    else:
        known = set(row_ids)
        turned = any(row[1] in known for _, row in table.rows) and not any(
            row[0] in known for _, row in table.rows
        )
        places = (1, 0) if turned else (0, 1)
    counts = Counter(fields[places[0]] for _, fields in table.rows)
    for line, fields in table.rows:
        if counts[fields[places[0]]] > 1:
            raise DataError(f"{table.path}:{line}: the id {fields[places[0]]!r} is there twice")
    return places


def _other_columns(table: SampleTable, kind: TableKind) -> DataError:
    found, wanted = (",".join(header)[:_SHOWN] for header in (table.header, kind.header))
    return DataError(
        f"{table.path}:1: its columns are {found!r}, and those of this format and these classes {wanted!r}:"
        " name the classes as the sample does, or choose another format"
    )


def _and_more(some: Sequence[object]) -> str:
    return " has" if len(some) == 1 else f" and {len(some) - 1} more have"


def body_of(path: Path, layout: TableLayout) -> Iterator[tuple[int, list[str]]]:
    """The rows of a table in our order of columns and with our ids, with their lines.

    Raises:
        DataError: the header is another, or a row has another number of fields.
    """
    rows = read_table(path)
    line, found = next(rows, (1, []))
    if tuple(found) != layout.header:
        wanted = ",".join(layout.header)
        raise DataError(f"{path}:{line}: the header is {wanted!r}, got {','.join(found)[:80]!r}")
    our_id = {their_id: ours for ours, their_id in (layout.name_of or {}).items()}
    for line, fields in rows:
        if len(fields) != len(layout.header):
            raise DataError(f"{path}:{line}: has {len(fields)} fields, the header has {len(layout.header)}")
        row_id, *values = layout.picked(fields)
        yield line, [our_id.get(row_id, row_id), *values]
