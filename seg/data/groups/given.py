"""Groups of images as the dataset's YAML gives them: by a pattern, a column of a table, or metadata."""

import csv
import io
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from PIL import ExifTags, Image, UnidentifiedImageError

from seg.data.image_files import bytes_of
from seg.data.split import Sample
from seg.errors import DataError, SpecError
from seg.spec.base import did_you_mean
from seg.spec.groups import GroupSpec, Metadata

_CAMERA: Final = (ExifTags.Base.Make, ExifTags.Base.Model, ExifTags.Base.BodySerialNumber)
_DAY: Final = (ExifTags.Base.DateTimeOriginal, ExifTags.Base.DateTime)


def given_labels(samples: Sequence[Sample], spec: GroupSpec) -> tuple[str, ...]:
    """The group of each image.

    Raises:
        SpecError: an image has no group.
        DataError: the table or an image cannot be read.
    """
    if spec.pattern is not None:
        return tuple(_matched(sample, spec.pattern) for sample in samples)
    if spec.table is not None and spec.column is not None:
        return _of_table(samples, spec.table, spec.column)
    assert spec.metadata is not None
    return tuple(_of_metadata(sample.image, spec.metadata) for sample in samples)


def match_group(name: str, pattern: str) -> str | None:
    """The first group in parentheses that takes part in the match, or the match itself; None without one."""
    found = re.search(pattern, name)
    return found and next((part for part in found.groups() if part is not None), found.group())


def _matched(sample: Sample, pattern: str) -> str:
    name = sample.image.as_posix() if "/" in pattern else sample.image.name
    group = match_group(name, pattern)
    if group is None:
        raise SpecError(f"group: {pattern!r} does not match image {name!r}: it must match every image")
    return group


def _of_table(samples: Sequence[Sample], table: Path, column: str) -> tuple[str, ...]:
    try:
        rows = list(csv.reader(io.StringIO(bytes_of(table).decode("utf-8-sig"))))
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


def _of_metadata(path: Path, metadata: Metadata) -> str:
    try:
        with Image.open(io.BytesIO(bytes_of(path))) as image:
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
