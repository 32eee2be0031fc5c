"""A contest's sample submission, whose columns, ids, classes and rows a CSV follows."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final, get_args

from seg.data import Sample
from seg.engine.submissions.tables.columns import TableColumns, find_table_columns
from seg.engine.submissions.tables.csv_file import read_csv_table
from seg.engine.submissions.tables.match_ids import match_ids, match_ids_to_images
from seg.engine.submissions.tables.mismatch import mismatch_of_images
from seg.engine.submissions.tables.row_classes import RowClasses
from seg.engine.submissions.tables.table_format import Key, TableFormat, image_ids_of_rows
from seg.errors import DataError
from seg.spec.dataset.id_pattern import parse_id_pattern
from seg.spec.ensemble.output import EmptyText

EMPTY_TEXTS: Final = frozenset(get_args(EmptyText)) - {"drop"}
"""What contests write for a class without pixels."""

_LOOKED_AT: Final = 100
"""Rows that tell which column has the ids."""

Ids = Mapping[str, str]
"""The id in the CSV of each image, where the spec has a pattern for it."""


@dataclass(frozen=True, slots=True)
class SampleTable:
    """A sample submission: its header, and its rows with their line numbers; there may be none."""

    path: Path
    header: tuple[str, ...]
    rows: tuple[tuple[int, list[str]], ...]


def read_sample_submission(path: Path) -> SampleTable:
    """Read a sample; raises DataError if it is unreadable or empty, or a row does not match the header."""
    lines = list(read_csv_table(path))
    if not lines:
        raise DataError(f"{path}: is empty: a sample submission has at least a header")
    (_, header), *rows = lines
    for line, fields in rows:
        if len(fields) != len(header):
            raise DataError(f"{path}:{line}: has {len(fields)} fields, the header has {len(header)}")
    return SampleTable(path, tuple(header), tuple(rows))


def follow_sample_submission(
    table: SampleTable, row_classes: RowClasses, samples: Sequence[Sample], ids: Ids
) -> TableFormat:
    """The format of a sample submission with rows.

    Its ids are matched to images by `match_ids_to_images`, or to what the spec's pattern of ids makes of
    them. It may lack rows of the background.

    Raises:
        DataError: its columns cannot be told apart, its classes are others, or its rows are not those of
            these images. The message has three ids of each side and the nearest form of id.
    """
    place, output = str(table.path), row_classes.output
    if output.empty == "drop":
        raise DataError(f"{place}: all its rows are wanted: set output.empty to '', '-', '-1' or '1 0'")
    has_pixels = output.format == "pixels"
    names = [] if has_pixels else [c.name for c in row_classes.classes]
    columns = _columns_of_sample(table, find_table_columns(f"{place}:1", table.header, names), samples, ids)
    style = TableFormat(
        table.header,
        columns.id,
        columns.values,
        columns.row_class,
        rle=output.rle,
        empty=output.empty if "empty" in output.model_fields_set else _empty_of_sample(table, columns),
    )
    if has_pixels and columns.row_class is not None:
        raise DataError(f"{place}:1: has a column of classes, but a row of format pixels has all classes")
    if columns.classes:
        style = row_classes.in_table(style, labels=row_classes.of_columns(f"{place}:1", columns))
    elif not has_pixels:
        style = _with_classes_of_sample(style, table, row_classes, samples, ids)
    rows = tuple(style.key_of_fields(fields) for _, fields in table.rows)
    _refuse_doubled_sample_ids(table, style, rows)
    image_of = _match_ids_of_sample(image_ids_of_rows(rows), samples, ids)
    if other := mismatch_of_images(image_ids_of_rows(rows), image_of, samples, ids):
        raise DataError(f"{place}: {other}")
    if style.has_row_for_each_class:
        row_classes.check_complete(place, style.label_of_class.values(), "row")
    followed = replace(
        style,
        rows=rows,
        ids={image: name for name, image in image_of.items()},
        others=_other_texts_of_rows(table, columns, rows),
    )
    _refuse_missing_sample_rows(place, followed, samples)
    return followed


def _columns_of_sample(
    table: SampleTable, columns: TableColumns, samples: Sequence[Sample], ids: Ids
) -> TableColumns:
    """The columns, told by the ids in them where there are two; ids may be in the second."""
    if len(table.header) != 2 or columns.classes:
        return columns
    first, second = ([fields[at] for _, fields in table.rows[:_LOOKED_AT]] for at in (0, 1))
    if not _match_ids_of_sample(first, samples, ids) and _match_ids_of_sample(second, samples, ids):
        return TableColumns(1, (0,))
    return columns


def _empty_of_sample(table: SampleTable, columns: TableColumns) -> str:
    """The run lengths of nothing, if its rows show one text for it alone; else an empty text."""
    texts = {fields[at].strip() for _, fields in table.rows for at in columns.values}
    shown = texts & EMPTY_TEXTS
    return shown.pop() if len(shown) == 1 else ""


def _with_classes_of_sample(
    style: TableFormat, table: SampleTable, row_classes: RowClasses, samples: Sequence[Sample], ids: Ids
) -> TableFormat:
    """The format with the classes that a column or the ids name, or else with the only class there is."""
    place, output = str(table.path), row_classes.output
    if style.class_column is not None:
        texts = [fields[style.class_column] for _, fields in table.rows]
        return row_classes.in_table(style, label_of_class=row_classes.of_texts(place, texts))
    row_ids = list(dict.fromkeys(fields[style.id_column] for _, fields in table.rows))
    separator = parse_id_pattern(output.id).class_separator if output.id else None
    images = _match_ids_of_sample(row_ids, samples, ids)
    if separator is not None or len(images) < len(row_ids):
        style = replace(style, class_separator=separator or "_")
        if texts := _classes_in_sample_ids(style, row_ids, row_classes, samples, ids):
            return row_classes.in_table(style, label_of_class=row_classes.of_texts(place, texts))
    # Where no id is an image's, that is what is wrong.
    labels = [row_classes.single(f"{place}:1")] if images else row_classes.foreground[:1]
    return row_classes.in_table(style, labels=tuple(labels))


def _classes_in_sample_ids(
    style: TableFormat, row_ids: Sequence[str], row_classes: RowClasses, samples: Sequence[Sample], ids: Ids
) -> list[str]:
    """The classes at the ends of ids, split off at the last separator or where a class's name begins."""
    by_name = {c.name: label for label, c in enumerate(row_classes.classes)}
    for known in ({}, by_name | row_classes.written):
        splitting = replace(style, label_of_class=known)
        keys = [splitting.split_id(row_id) for row_id in row_ids]
        if _match_ids_of_sample(image_ids_of_rows(keys), samples, ids):
            return [class_text for _, class_text in keys]
    return []


def _other_texts_of_rows(
    table: SampleTable, columns: TableColumns, rows: Sequence[Key]
) -> dict[Key, dict[str, str]]:
    """What the sample says of each row in columns that are not filled in."""
    if not columns.others:
        return {}
    return {
        key: {table.header[at]: fields[at] for at in columns.others}
        for key, (_, fields) in zip(rows, table.rows, strict=True)
    }


def _match_ids_of_sample(names: Sequence[str], samples: Sequence[Sample], ids: Ids) -> dict[str, str]:
    """The image of each id of the sample."""
    if not ids:
        return match_ids_to_images(names, samples)
    image_of = {name: image_id for image_id, name in ids.items()}
    return {name: image_of[ours] for name, ours in match_ids(names, image_of).items()}


def _refuse_doubled_sample_ids(table: SampleTable, style: TableFormat, rows: Sequence[Key]) -> None:
    counts = Counter(rows)
    for (line, _), key in zip(table.rows, rows, strict=True):
        if counts[key] > 1:
            raise DataError(
                f"{table.path}:{line}: the id {style.show(key)!r} is duplicate: keep one of its rows, as seg"
                " writes all objects of a class in one"
            )


def _refuse_missing_sample_rows(place: str, style: TableFormat, samples: Sequence[Sample]) -> None:
    """Raise DataError if the sample lacks a row of an image."""
    known = set(style.rows or ())
    missing = [
        key
        for sample in samples
        for key in style.keys_of_image(sample.id)
        if key not in known and not style.is_of_background(key)
    ]
    if missing:
        more = f", nor {len(missing) - 1} more" if len(missing) > 1 else ""
        raise DataError(f"{place}: has no row {style.show(missing[0])!r} of a predicted image{more}")
