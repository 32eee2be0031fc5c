"""Records of the files and folders that seg wrote, so that it does not replace others.

.seg-outputs    in a folder where single files were written: a line for each
.seg-folder     in a folder that was written as a whole: a line for each file below it

A line is a JSON list: the file's name, relative to the folder, and the BLAKE2b hash of its content. A file
that was changed since then is no longer ours.
"""

import json
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Final

from seg.files.atomic import content_hash, regular_file

OUTPUTS: Final = ".seg-outputs"
FOLDER: Final = ".seg-folder"
_HASH_DIGITS: Final = 32
_LONGEST: Final = 32_768
"""Bytes of a line: a path has 4,096 at most, and JSON spells one byte in six."""
_LEFT_BY_VIEWERS: Final = frozenset({".DS_Store", "Thumbs.db", "desktop.ini"})


def record_own_file(path: Path) -> None:
    """Record that seg wrote this file. If that fails, the next run needs --overwrite to replace it."""
    line = _record_line(path.name, path)
    record = path.parent / OUTPUTS
    with suppress(OSError):
        if _read_ownership_record(record).get(path.name) == content_hash(path):
            return
        if record.exists():
            regular_file(record)
        with record.open("a", encoding="utf-8", newline="\n") as file:
            # Starts with a line break, as a kill may have truncated the last line.
            file.write(f"\n{line}" if record.stat().st_size else line)


def record_own_folder(folder: Path) -> None:
    """Record that seg wrote this folder, with all files that are in it now."""
    lines = [_record_line(_recorded_name(path, folder), path) for path in _files_below(folder)]
    (folder / FOLDER).write_text("\n".join(lines), encoding="utf-8", newline="\n")


def is_own_folder(folder: Path) -> bool:
    """Whether seg wrote this folder as a whole, even if files in it were changed since."""
    return (folder / FOLDER).is_file()


def unowned_files(path: Path) -> Iterator[Path]:
    """Files that seg did not write, or that were changed since: the file itself, or those in the folder.

    Empty for a file or folder that is ours, an empty folder, and a path that does not exist.
    """
    if path.is_dir():
        known = _read_ownership_record(path / FOLDER)
        yield from (
            file
            for file in _files_below(path)
            if not _is_own_file(file, known.get(_recorded_name(file, path)))
        )
    elif path.exists() and not _is_own_file(
        path, _read_ownership_record(path.parent / OUTPUTS).get(path.name)
    ):
        yield path


def _is_own_file(file: Path, noted: str | None) -> bool:
    return noted is not None and not file.is_symlink() and file.is_file() and content_hash(file) == noted


def _files_below(folder: Path) -> Iterator[Path]:
    """All files and links below a folder, by name, without our record and files that viewers create."""
    for path in sorted(folder.rglob("*")):
        is_plain_folder = path.is_dir() and not path.is_symlink()
        if not is_plain_folder and path != folder / FOLDER and path.name not in _LEFT_BY_VIEWERS:
            yield path


def _recorded_name(path: Path, folder: Path) -> str:
    return path.relative_to(folder).as_posix()


def _record_line(name: str, path: Path) -> str:
    return json.dumps([name, content_hash(path)])


def _can_be_whole_record(line: bytes) -> bool:
    """Whether a line has the length of one, which spares reading what is none."""
    return _HASH_DIGITS < len(line) < _LONGEST


def _read_ownership_record(record: Path) -> dict[str, str]:
    """The recorded hashes by name; the last line of a name counts, and invalid lines are ignored."""
    noted: dict[str, str] = {}
    with suppress(OSError), regular_file(record).open("rb") as file:
        for line in filter(_can_be_whole_record, iter(lambda: file.readline(_LONGEST), b"")):
            with suppress(ValueError, RecursionError):
                match json.loads(line):
                    case [str(name), str(digest)]:
                        noted[name] = digest
    return noted
