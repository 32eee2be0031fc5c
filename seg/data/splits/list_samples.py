"""List the images of a folder, a glob pattern or a list file, optionally selected by ids."""

import csv
import io
import re
from collections.abc import Callable, Iterable, Sequence
from itertools import islice
from pathlib import Path
from typing import Final

from seg.data.images.image_files import (
    bytes_of_file,
    image_files_in,
    is_usable_image_file,
    resolve_image_name,
)
from seg.data.pairing.lookup import ImageLookup
from seg.data.pairing.pattern import PathPattern, has_placeholders
from seg.data.splits.split import Sample, samples_with_ids
from seg.errors import DataError
from seg.files.image_suffixes import IMAGE_SUFFIXES
from seg.spec.base import did_you_mean
from seg.terminal.words import pluralise

LIST_SUFFIXES: Final = frozenset({".csv", ".txt"})
_WILDCARD: Final = re.compile(r"[*?\[]")
_MOST_SHOWN: Final = 3


def list_samples(where: Path, ids: Path | None = None) -> tuple[Sample, ...]:
    """The images that `where` names, sorted by path; with `ids`, only those, in its order.

    Args:
        where: a folder; a pattern such as `photos/**/left_*.jpg`; a .txt or .csv with a path in the first
            column of each line, relative to the file; or a single image.
        ids: a list whose first column has ids or file names; repeated ones count once.

    A list may have a header: a first line that names no image, and has no digit and no ending of an image.

    Raises:
        DataError: nothing is there, or an id is that of no image.
    """
    folder, images = images_to_list(where)
    samples = samples_with_ids(folder, images)
    return samples if ids is None else choose_samples(samples, ids)


def first_column_of_list(path: Path, is_entry: Callable[[str], bool] = lambda _: False) -> list[str]:
    """The first column of a CSV, or the lines of a list, without empty ones.

    A line for which `is_entry` is true as a whole, such as a file name with a comma, is not split.

    Raises:
        DataError: the file cannot be read, or is not UTF-8 text.
    """
    try:
        text = bytes_of_file(path).decode("utf-8-sig")
        rows = [row for row in csv.reader(io.StringIO(text, newline="")) if row]
    except (UnicodeDecodeError, csv.Error) as error:
        raise DataError(f"{path}: is not a UTF-8 list: {error}") from error
    if "\0" in text:
        line = text[: text.index("\0")].count("\n") + 1
        raise DataError(f"{path}:{line}: has a zero byte: it is not a UTF-8 list: write it again")
    entries = [whole if is_entry(whole := ",".join(row).strip()) else row[0].strip() for row in rows]
    return [entry for entry in entries if entry]


def images_to_list(where: Path) -> tuple[Path, list[Path]]:
    """The images that `where` names, as for `list_samples`, and the folder that their ids are relative to."""
    if where.suffix.lower() in LIST_SUFFIXES and not where.is_dir():
        return where.parent, _listed_images(where)
    if (_WILDCARD.search(str(where)) or has_placeholders(str(where))) and not where.exists():
        return _images_matching(where)
    if where.is_file():
        return where.parent, [where]
    return where, image_files_in(where)


def _listed_images(path: Path) -> list[Path]:
    def is_image(name: str) -> bool:
        return resolve_image_name(path.parent, name).exists()

    images = [
        resolve_image_name(path.parent, name)
        for name in _list_without_header(first_column_of_list(path, is_image), is_image)
    ]
    if not images:
        raise DataError(f"{path}: lists no image")
    return images


def _images_matching(pattern: Path) -> tuple[Path, list[Path]]:
    parts = Path(PathPattern(str(pattern)).glob).parts
    fixed = next(number for number, part in enumerate(parts) if _WILDCARD.search(part))
    folder = Path(*parts[:fixed])
    try:
        found = sorted(folder.glob(str(Path(*parts[fixed:]))))
    except ValueError as error:
        raise DataError(f"{pattern}: is not a valid pattern: {error}") from error
    images = [
        path
        for path in found
        if not _is_hidden_image(path, folder)
        and not path.is_dir()
        and _fits_pattern(pattern, path)
        and is_usable_image_file(path)
    ]
    if not images:
        raise DataError(f"{pattern}: matches no file")
    return folder, images


def _fits_pattern(pattern: Path, path: Path) -> bool:
    """Whether a path that the glob found has the same text where a placeholder is named twice."""
    if not has_placeholders(str(pattern)):
        return True
    try:
        return PathPattern(pattern.as_posix()).match(path.as_posix()) is not None
    except ValueError as error:
        raise DataError(f"{pattern}: {error}") from error


def _is_hidden_image(path: Path, folder: Path) -> bool:
    """Whether a path has a hidden part, such as the `._a.png` that macOS writes beside `a.png`."""
    return any(part.startswith(".") for part in path.relative_to(folder).parts)


def choose_samples(samples: Sequence[Sample], listed: Path) -> tuple[Sample, ...]:
    """The samples that a list names by id, file name or path, in its order; repeated ones count once.

    Raises:
        DataError: the list cannot be read, names no image, or one that is not there.
    """
    lookup = ImageLookup(samples)

    def position(entry: str) -> int | None:
        found = lookup.find(entry)
        return lookup.find(entry.split(maxsplit=1)[0]) if found is None else found

    def is_known(entry: str) -> bool:
        return bool(entry) and position(entry) is not None

    entries = dict.fromkeys(_list_without_header(first_column_of_list(listed, is_known), is_known))
    if not entries:
        raise DataError(f"{listed}: names no image: one id per line is expected")
    found = {entry: position(entry) for entry in entries}
    unknown = [entry for entry, place in found.items() if place is None]
    if len(unknown) == len(entries):
        raise DataError(
            f"{listed}: none of its {pluralise(len(entries), 'id')} is an image:"
            f" it has {_some_sample_names(entries)},"
            f" and the images are {_some_sample_names(sample.id for sample in samples)}"
        )
    if unknown:
        raise DataError(
            f"{listed}: no image has the id {unknown[0]!r}: {did_you_mean(unknown[0], lookup.names)}"
        )
    return tuple(samples[place] for place in dict.fromkeys(found.values()) if place is not None)


def _list_without_header(entries: list[str], is_known: Callable[[str], bool]) -> list[str]:
    if not entries or is_known(entries[0]):
        return entries
    first = entries[0]
    is_header = Path(first).suffix.lower() not in IMAGE_SUFFIXES and not re.search(r"\d", first)
    return entries[1:] if is_header else entries


def _some_sample_names(names: Iterable[str]) -> str:
    first = [repr(name) for name in islice(names, _MOST_SHOWN + 1)]
    return ", ".join(first[:_MOST_SHOWN] + ["..."] * (len(first) > _MOST_SHOWN))
