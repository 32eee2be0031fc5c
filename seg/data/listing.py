"""Images by the ways to name many of them: a folder, a pattern, a list, and ids that choose among them."""

import csv
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from seg.data.images import images_in
from seg.data.split import Sample, named
from seg.errors import DataError
from seg.spec.base import did_you_mean

LIST_SUFFIXES: Final = frozenset({".csv", ".txt"})
_WILDCARD: Final = re.compile(r"[*?\[]")


def list_samples(where: Path, ids: Path | None = None) -> tuple[Sample, ...]:
    """The images that `where` names, by path; or those of `ids` alone, in its order.

    Args:
        where: a folder; a pattern such as `photos/**/left_*.jpg`; a .txt or .csv with a path in the first
            column of each line, relative to the file; or a single image.
        ids: a CSV with a header, whose first column has ids or file names; repeated ones count once.

    Raises:
        DataError: nothing is there, or an id is that of no image.
    """
    folder, images = _images(where)
    samples = named(folder, images)
    return samples if ids is None else _chosen(samples, ids)


def first_column(path: Path) -> list[str]:
    """The first column of a CSV or of a list with one thing a line, without empty lines."""
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            return [row[0].strip() for row in csv.reader(file) if row and row[0].strip()]
    except OSError as error:
        raise DataError(f"{path}: cannot be read: {error.strerror}") from error
    except (UnicodeDecodeError, csv.Error) as error:
        raise DataError(f"{path}: is no list in UTF-8: {error}") from error


def _images(where: Path) -> tuple[Path, list[Path]]:
    """Images, and the folder below which their paths tell them apart."""
    if where.suffix.lower() in LIST_SUFFIXES and not where.is_dir():
        return where.parent, _listed(where)
    if _WILDCARD.search(str(where)) and not where.exists():
        return _matching(where)
    if where.is_file():
        return where.parent, [where]
    return where, images_in(where)


def _listed(path: Path) -> list[Path]:
    images = [path.parent / entry for entry in first_column(path)]
    if not images:
        raise DataError(f"{path}: lists no image")
    return images


def _matching(pattern: Path) -> tuple[Path, list[Path]]:
    parts = pattern.parts
    fixed = next(number for number, part in enumerate(parts) if _WILDCARD.search(part))
    folder = Path(*parts[:fixed])
    images = sorted(path for path in folder.glob(str(Path(*parts[fixed:]))) if path.is_file())
    if not images:
        raise DataError(f"{pattern}: matches no file")
    return folder, images


def _chosen(samples: Sequence[Sample], ids: Path) -> tuple[Sample, ...]:
    by_name = {sample.image.name: sample for sample in samples} | {sample.id: sample for sample in samples}
    wanted = dict.fromkeys(first_column(ids)[1:])
    if not wanted:
        raise DataError(f"{ids}: names no image: a header and then an id a line are expected")
    for name in wanted:
        if name not in by_name:
            raise DataError(f"{ids}: no image has the id {name!r}: {did_you_mean(name, by_name)}")
    return tuple(by_name[name] for name in wanted)
