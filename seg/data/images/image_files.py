"""Find image files in folders, and read their bytes; FIFOs, sockets and devices are refused."""

import os
import stat
import unicodedata
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Final

from seg.errors import DataError
from seg.files.folder_walk import walk_folders
from seg.files.image_suffixes import ARRAY_SUFFIXES, IMAGE_SUFFIXES
from seg.files.ownership import is_own_folder
from seg.terminal.notices import notice

_SPECIAL: Final = {
    stat.S_IFIFO: "a FIFO",
    stat.S_IFSOCK: "a socket",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
}


def image_files_in(folder: Path) -> list[Path]:
    """All image files below `folder`, sorted by path; where there are none, arrays (.npy) and DICOM (.dcm).

    Hidden files and folders are skipped, and folders that seg wrote as a whole, such as label maps; `folder`
    itself may be one. Devices, FIFOs and names that are not UTF-8 are skipped with a notice.

    Raises:
        DataError: the folder is missing, cannot be listed, or holds no image.
    """
    if not folder.is_dir():
        raise DataError(f"{folder}: there is no such folder of images")
    found = sorted(path for path in _image_names_in(folder, IMAGE_SUFFIXES) if is_usable_image_file(path))
    found = found or sorted(
        path for path in _image_names_in(folder, ARRAY_SUFFIXES) if is_usable_image_file(path)
    )
    if not found:
        raise DataError(f"{folder}: has no image ({', '.join(sorted(IMAGE_SUFFIXES))})")
    return found


def is_usable_image_file(path: Path) -> bool:
    """Whether a file can be used as an image; a notice says why not."""
    if problem := _problem_of_image_file(path):
        notice(f"{path}: is skipped: {problem}")
    return not problem


def resolve_image_name(folder: Path, name: str) -> Path:
    """The file of a name in a list, or where it is expected.

    If it does not exist, a Windows path `a\\b.png` is `a/b.png`, and the other Unicode form of its letters,
    composed or decomposed as macOS writes it, is tried.
    """
    slashed = name.replace("\\", "/")
    forms = (unicodedata.normalize(form, slashed) for form in ("NFC", "NFD"))
    # Path.exists raises an error for a name that is too long.
    found = (path for one in (name, slashed, *forms) if os.path.exists(path := folder / one))  # noqa: PTH110
    return next(found, folder / slashed)


def bytes_of_file(path: Path) -> bytes:
    """The contents of a file.

    Raises:
        DataError: the file is missing, empty, no regular file, or cannot be read.
    """
    try:
        if special := special_file(path):
            raise DataError(f"{path}: is {special}, not a file")
        data = path.read_bytes()
    except FileNotFoundError as error:
        raise DataError(f"{path}: there is no such file") from error
    except OSError as error:
        raise DataError(f"{path}: cannot be read: {error.strerror}") from error
    except ValueError as error:
        raise DataError(f"{str(path)!r}: is not a file name: {error}") from error
    if not data:
        raise DataError(f"{path}: is empty (0 bytes)")
    return data


def special_file(path: Path) -> str | None:
    """The kind of a special file, such as `a FIFO`; None for other files. Raises OSError."""
    return _SPECIAL.get(stat.S_IFMT(path.stat().st_mode))


def _image_names_in(folder: Path, suffixes: Collection[str]) -> Iterator[Path]:
    def cannot_be_listed(error: OSError) -> None:
        raise DataError(f"{error.filename}: cannot be listed: {error.strerror}") from error

    for where, folders, names in walk_folders(folder, cannot_be_listed):
        folders[:] = [
            name for name in folders if not name.startswith(".") and not is_own_folder(where / name)
        ]
        for name in names:
            if not name.startswith(".") and Path(name).suffix.lower() in suffixes:
                yield where / name


def _problem_of_image_file(path: Path) -> str:
    try:
        str(path).encode()
    except UnicodeEncodeError:
        return "its name is not UTF-8: rename it"
    try:
        special = special_file(path)
    except OSError:
        # A broken link is reported when it is read.
        return ""
    return f"is {special}, not a file" if special else ""
