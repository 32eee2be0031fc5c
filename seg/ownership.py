"""Which files and folders seg wrote, so that it replaces nothing else.

.seg-outputs    in a folder where single files were written: a line for each
.seg-folder     in a folder that was written as a whole: a line for each file below it

A line is a JSON list: the file's name, relative to the folder, and the BLAKE2b hash of its content. What was
changed by someone else since then is not ours any more.
"""

import json
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Final

from seg.files import content_hash, regular

OUTPUTS: Final = ".seg-outputs"
FOLDER: Final = ".seg-folder"
_HASH_DIGITS: Final = 32
_LONGEST: Final = 32_768
"""Bytes of a line: a path has 4,096 at most, and JSON spells one byte in six."""
_LEFT_BY_VIEWERS: Final = frozenset({".DS_Store", "Thumbs.db", "desktop.ini"})


def note_file(path: Path) -> None:
    """Note that seg wrote this file. Where that cannot be noted the next run asks before it replaces it."""
    line = _line(path.name, path)
    record = path.parent / OUTPUTS
    with suppress(OSError):
        if _read(record).get(path.name) == content_hash(path):
            return
        if record.exists():
            regular(record)
        with record.open("a", encoding="utf-8", newline="\n") as file:
            # After a line that a kill cut off, too.
            file.write(f"\n{line}" if record.stat().st_size else line)


def mark_folder(folder: Path) -> None:
    """Note that seg wrote this folder, with all that is in it now."""
    lines = [_line(_name(path, folder), path) for path in _files(folder)]
    (folder / FOLDER).write_text("\n".join(lines), encoding="utf-8", newline="\n")


def is_marked(folder: Path) -> bool:
    """Whether seg wrote this folder as a whole, whatever was changed in it since."""
    return (folder / FOLDER).is_file()


def foreign_parts(path: Path) -> Iterator[Path]:
    """What seg did not write, or did not leave so: the file itself, or all such ones below the folder.

    None for what is ours as a whole, for an empty folder, and where nothing is there.
    """
    if path.is_dir():
        known = _read(path / FOLDER)
        yield from (file for file in _files(path) if not _is_known(file, known.get(_name(file, path))))
    elif path.exists() and not _is_known(path, _read(path.parent / OUTPUTS).get(path.name)):
        yield path


def _is_known(file: Path, noted: str | None) -> bool:
    return noted is not None and not file.is_symlink() and file.is_file() and content_hash(file) == noted


def _files(folder: Path) -> Iterator[Path]:
    """All below a folder but its marker, what viewers leave, and folders that are not links, by name."""
    for path in sorted(folder.rglob("*")):
        is_plain_folder = path.is_dir() and not path.is_symlink()
        if not is_plain_folder and path != folder / FOLDER and path.name not in _LEFT_BY_VIEWERS:
            yield path


def _name(path: Path, folder: Path) -> str:
    return path.relative_to(folder).as_posix()


def _line(name: str, path: Path) -> str:
    return json.dumps([name, content_hash(path)])


def _can_be_whole(line: bytes) -> bool:
    """Whether a line has the length of one, which spares reading what is none."""
    return _HASH_DIGITS < len(line) < _LONGEST


def _read(record: Path) -> dict[str, str]:
    """What was noted by name, the last line of a name first; nothing of lines that are none."""
    noted: dict[str, str] = {}
    with suppress(OSError), regular(record).open("rb") as file:
        for line in filter(_can_be_whole, iter(lambda: file.readline(_LONGEST), b"")):
            with suppress(ValueError, RecursionError):
                match json.loads(line):
                    case [str(name), str(digest)]:
                        noted[name] = digest
    return noted
