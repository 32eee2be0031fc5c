"""The format of a spec's CSV: the default, that of the spec's columns, or that of a sample submission."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Final

from seg.data import Sample
from seg.engine.submissions.tables.columns import find_table_columns, is_named_like_classes
from seg.engine.submissions.tables.row_classes import RowClasses
from seg.engine.submissions.tables.sample_submission import follow_sample_submission, read_sample_submission
from seg.engine.submissions.tables.table_format import TableFormat
from seg.errors import DataError
from seg.labels.classes import ClassInfo
from seg.spec.dataset.id_pattern import parse_id_pattern
from seg.spec.ensemble.output import OutputSpec

_HEADERS: Final = {"kaggle": ("ImageId_ClassId", "EncodedPixels"), "pixels": ("image_id", "PredictionString")}


def open_table(
    output: OutputSpec, classes: Sequence[ClassInfo], unlabelled: str, samples: Sequence[Sample]
) -> TableFormat:
    """The format of the CSV that a spec describes.

    Raises:
        DataError: the sample is for other images or classes, or nothing tells the class of a row.
    """
    row_classes = RowClasses(output, classes, unlabelled)
    ids = table_ids_of(output, samples)
    if output.sample:
        table = read_sample_submission(output.sample)
        if table.rows:
            return follow_sample_submission(table, row_classes, samples, ids)
        _refuse_unknown_form_of_ids(output, samples)
        return _table_of_header(str(output.sample), table.header, row_classes, ids)
    return _table_of_header(
        "output.columns", output.columns or _default_table_header(row_classes), row_classes, ids
    )


def table_ids_of(output: OutputSpec, samples: Sequence[Sample]) -> dict[str, str]:
    """The id in the CSV of each image, if the spec has a pattern for it.

    Raises:
        DataError: an image's path lacks a part of the pattern, or two images have one id.
    """
    if output.id is None:
        return {}
    pattern = parse_id_pattern(output.id)
    image_of: dict[str, str] = {}
    for sample in samples:
        try:
            name = pattern.fill(sample.id, sample.file_name or sample.image.name)
        except ValueError as error:
            raise DataError(f"{sample.image}: {error} (output.id: {output.id})") from error
        if name in image_of:
            raise DataError(
                f"output.id {output.id!r}: the images {image_of[name]!r} and {sample.id!r} both have the id"
                f" {name!r}: use {{file_name}}, or add what tells them apart"
            )
        image_of[name] = sample.id
    return {image_id: name for name, image_id in image_of.items()}


def _refuse_unknown_form_of_ids(output: OutputSpec, samples: Sequence[Sample]) -> None:
    """A sample without rows does not show whether ids have folder and ending; a contest takes one form."""
    sample = next((one for one in samples if one.file_name not in {"", one.id}), None)
    if output.id is None and sample is not None:
        raise DataError(
            f"{output.sample}: has no rows, and nothing tells how it writes ids: set output.id:"
            f" '{{file_name}}' for {sample.file_name!r}, or '{{name}}' for {sample.id!r}"
        )


def _default_table_header(row_classes: RowClasses) -> tuple[str, ...]:
    if row_classes.output.format != "kaggle-per-image":
        return _HEADERS[row_classes.output.format]
    names = [row_classes.classes[label].name for label in row_classes.labelled]
    return ("ImageId", *(names if len(names) > 1 else ["EncodedPixels"]))


def _table_of_header(
    place: str, header: tuple[str, ...], row_classes: RowClasses, ids: Mapping[str, str]
) -> TableFormat:
    """The format of a CSV of which only the header is known; its rows follow the images."""
    output = row_classes.output
    has_pixels = output.format == "pixels"
    columns = find_table_columns(place, header, [] if has_pixels else [c.name for c in row_classes.classes])
    if columns.others:
        raise DataError(
            f"{place}: nothing tells what to write into the column {header[columns.others[0]]!r}: leave it"
            " out, or set output.sample to a sample submission with a row for each image"
        )
    table = TableFormat(
        header,
        columns.id,
        columns.values,
        columns.row_class,
        rle=output.rle,
        empty=output.empty.replace("drop", ""),
        drops_empty=output.empty == "drop",
        ids=ids,
    )
    separator = parse_id_pattern(output.id).class_separator if output.id else None
    if columns.row_class is not None and (has_pixels or separator is not None):
        what = "a row of format pixels has all classes" if has_pixels else "the id names the class, too"
        raise DataError(f"{place}: has a column of classes, {header[columns.row_class]!r}, but {what}")
    if has_pixels:
        return table
    if columns.classes:
        return row_classes.in_table(table, labels=row_classes.of_columns(place, columns))
    is_joined = separator is not None or (output.id is None and is_named_like_classes(header[columns.id]))
    if columns.row_class is not None or is_joined:
        table = replace(table, class_separator=separator or "_")
        return row_classes.in_table(table, label_of_class=row_classes.written)
    if table.drops_empty:
        raise DataError(f"{place}: has a row for each image: set output.empty to '', '-', '-1' or '1 0'")
    return row_classes.in_table(table, labels=(row_classes.single(place),))
