"""Groups of images as the dataset's YAML gives them: by a pattern, a column of a table, or metadata."""

import csv
import io
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from PIL import ExifTags, Image, UnidentifiedImageError

from seg.data.images.image_files import bytes_of_file
from seg.data.pairing.pattern import PathPattern
from seg.data.pairing.time_limit import match_time_limit
from seg.data.splits.split import Sample
from seg.errors import DataError, SpecError
from seg.spec.base import did_you_mean
from seg.spec.dataset.groups import GroupSpec, Metadata, has_group_placeholders

_CAMERA: Final = (ExifTags.Base.Make, ExifTags.Base.Model, ExifTags.Base.BodySerialNumber)
_DAY: Final = (ExifTags.Base.DateTimeOriginal, ExifTags.Base.DateTime)


def given_groups(samples: Sequence[Sample], spec: GroupSpec) -> tuple[str, ...]:
    """The group of each image.

    Raises:
        SpecError: an image has no group.
        DataError: the table or an image cannot be read.
    """
    if spec.pattern is not None:
        in_path = "/" in spec.pattern
        names = [sample.image.as_posix() if in_path else sample.image.name for sample in samples]
        return groups_by_pattern(names, spec.pattern, "group")
    if spec.table is not None and spec.column is not None:
        return _groups_of_table(samples, spec.table, spec.column)
    assert spec.metadata is not None
    return tuple(_group_of_metadata(sample.image, spec.metadata) for sample in samples)


def match_group(name: str, pattern: str) -> str | None:
    """The group of an image by a pattern of its name or path; None without a match.

    Args:
        pattern: with placeholders, of the whole name or the end of a path; or a regular expression.

    Raises:
        ValueError: a pattern with placeholders matches in more than one way, or it takes too long.
    """
    if has_group_placeholders(pattern):
        end = "/".join(name.split("/")[-pattern.count("/") - 1 :])
        captures = PathPattern(pattern).match(end)
        return None if captures is None else "\n".join(captures.values())
    with match_time_limit():
        found = re.search(pattern, name)
    return found and next((part for part in found.groups() if part is not None), found.group())


def groups_by_pattern(names: Sequence[str], pattern: str, place: str) -> tuple[str, ...]:
    """The group of each image by its name; `place` is the key that has the pattern.

    Raises:
        SpecError: the pattern does not match a name, or in more than one way.
    """
    return tuple(_group_by_pattern(name, pattern, place) for name in names)


def _group_by_pattern(name: str, pattern: str, place: str) -> str:
    try:
        group = match_group(name, pattern)
    except ValueError as error:
        raise SpecError(f"{place}: {pattern!r} {error}") from error
    if group is None:
        raise SpecError(f"{place}: {pattern!r} does not match image {name!r}: it must match every image")
    return group


def _groups_of_table(samples: Sequence[Sample], table: Path, column: str) -> tuple[str, ...]:
    try:
        rows = list(csv.reader(io.StringIO(bytes_of_file(table).decode("utf-8-sig"))))
    except (UnicodeDecodeError, csv.Error) as error:
        raise DataError(f"{table}: is no CSV in UTF-8: {error}") from error
    header = rows[0] if rows else []
    if column not in header:
        raise SpecError(f"group: {table} has no column {column!r}: {did_you_mean(column, header)}")
    place = header.index(column)
    group_of = {row[0]: row[place] for row in rows[1:] if len(row) > place and row[place]}
    labels = []
    for sample in samples:
        names = (sample.id, sample.image.name, sample.image.stem)
        group = next((group_of[name] for name in names if name in group_of), None)
        if group is None:
            raise SpecError(f"group: {table} has no {column!r} of image {sample.id!r}: add its row")
        labels.append(group)
    return tuple(labels)


def _group_of_metadata(path: Path, metadata: Metadata) -> str:
    try:
        with Image.open(io.BytesIO(bytes_of_file(path))) as image:
            exif = image.getexif()
            values = dict(exif) | exif.get_ifd(ExifTags.IFD.Exif)
    except (UnidentifiedImageError, OSError, ValueError, SyntaxError) as error:
        raise DataError(f"{path}: its EXIF data cannot be read: {error}") from error
    if metadata == "camera":
        group = " ".join(str(values[tag]).strip() for tag in _CAMERA if values.get(tag))
    else:
        group = next((str(values[tag])[:10] for tag in _DAY if values.get(tag)), "")
    if not group:
        raise SpecError(f"group: {path} has no {metadata} in its EXIF data: give a pattern or a table")
    return group
