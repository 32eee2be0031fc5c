"""Atomic files and folders, which are either complete or absent; hashes and clean-up of temporary files."""

import errno
import hashlib
import lzma
import os
import re
import shutil
import stat
import struct
import sys
import tempfile
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

from seg.errors import OutputError

if sys.platform != "win32":
    import fcntl

_MARK: Final = ".seg-"
_OLD: Final = "-old"
_HASH_BYTES: Final = 16
_KINDS: Final = (
    (stat.S_ISFIFO, "a FIFO"),
    (stat.S_ISSOCK, "a socket"),
    (stat.S_ISCHR, "a device"),
    (stat.S_ISBLK, "a device"),
)

_NO_ROOM: Final = (errno.ENOSPC, errno.EDQUOT)

DAMAGED_ZIP: Final = (
    OSError,
    ValueError,
    KeyError,
    EOFError,
    RuntimeError,
    struct.error,
    zipfile.BadZipFile,
    zlib.error,
    lzma.LZMAError,
)
"""What reading a zip raises that is damaged, or encrypted, wherever the damage is."""


@contextmanager
def atomic_path(final: Path, *, is_one_of_many: bool = False) -> Iterator[Path]:
    """Yield a temporary path beside `final`, renamed to it only if the block succeeds.

    The temporary file is flushed to disk before the rename, and removed if the block raises, so that no
    partial file ever has the final name. What killed runs left of it is removed. A symbolic link is followed
    and stays a link. A file that is replaced passes on its permissions.

    Args:
        is_one_of_many: of a folder with a file for each image, whose leftovers are not searched for each.

    Raises:
        OutputError: `final` is not a regular file, or cannot be written.
    """
    final = follow_link(final)
    if not is_one_of_many:
        remove_leftovers_of(final)
    with write_errors_named(final), _writing_in(final.parent):
        mode = _mode_of(final)
        handle, name = tempfile.mkstemp(
            dir=final.parent, prefix=_temporary_prefix(final), suffix=final.suffix
        )
        os.close(handle)
        temporary = Path(name)
        try:
            yield temporary
            with temporary.open("rb") as written:
                os.fsync(written.fileno())
            temporary.chmod(mode)
            temporary.replace(final)
        finally:
            temporary.unlink(missing_ok=True)


@contextmanager
def atomic_folder(final: Path) -> Iterator[Path]:
    """Yield a temporary folder beside `final`, which replaces it only if the block succeeds.

    Raises:
        OutputError: `final` is not a folder, or cannot be written.
    """
    final = follow_link(final)
    if path_exists(final) and not final.is_dir():
        raise OutputError(f"{final}: is a file where a folder is to be written: move it away")
    with scratch_folder(final) as temporary:
        try:
            yield temporary
        except OutputError as error:
            raise OutputError(str(error).replace(str(temporary), str(final))) from error
        _swap_folders(temporary, final)


@contextmanager
def scratch_folder(beside: Path) -> Iterator[Path]:
    """Yield a temporary folder beside a path and named after it, which is removed after the block.

    What killed runs left of it is removed, too.

    Raises:
        OutputError: it cannot be written.
    """
    remove_leftovers_of(beside)
    with write_errors_named(beside), _writing_in(beside.parent):
        temporary = Path(tempfile.mkdtemp(dir=beside.parent, prefix=_temporary_prefix(beside)))
        try:
            yield temporary
        finally:
            shutil.rmtree(temporary, ignore_errors=True)


def remove_leftovers_of(final: Path) -> None:
    """Remove temporary files of killed runs beside `final`, and restore a folder that one had moved away.

    Nothing is removed while another process writes in the same folder, as it may be using them.
    """
    _remove_temporary_files(final.parent, re.escape(final.name), final)


def remove_all_leftovers(folder: Path) -> None:
    """Remove all temporary files of killed runs in a folder that only seg writes to."""
    _remove_temporary_files(folder, ".+")


def follow_link(path: Path) -> Path:
    """The path itself, or the target of a symbolic link, which need not exist.

    Raises:
        OutputError: the target is a FIFO, a socket or a device, or the link is circular.
    """
    try:
        mode = path.stat().st_mode
    except OSError as error:
        if error.errno == errno.ELOOP:
            raise OutputError(f"{path}: is a link that leads in a circle: name another file") from error
        mode = 0
    for is_kind, kind in _KINDS:
        if is_kind(mode):
            raise OutputError(f"{path}: is {kind}, not a regular file: name another file")
    return Path(os.path.realpath(path)) if _is_link(path) else path


def path_exists(path: Path) -> bool:
    """Whether a file or folder exists and is accessible, after following links."""
    try:
        path.stat()
    except OSError:
        return False
    return True


@contextmanager
def write_errors_named(final: Path) -> Iterator[None]:
    """Turn the system's errors about writing `final` into OutputError, with the path and the reason.

    Errors about other files, which the block reads, are raised unchanged.
    """
    try:
        yield
    except OSError as error:
        if error.filename is not None and not _is_part_of(final, str(error.filename)):
            raise
        # Errors of libraries may have the system's error only as their cause.
        reason = error.strerror or error.__cause__ or error
        advice = ": make room and run it again" if error.errno in _NO_ROOM else ""
        raise OutputError(f"{final}: cannot be written: {reason}{advice}") from error


def write_text(final: Path, text: str) -> None:
    """Write `text` as UTF-8 under `final`, atomically."""
    with atomic_path(final) as temporary:
        temporary.write_text(text, encoding="utf-8", newline="\n")


def regular_file(path: Path) -> Path:
    """The path of a file that is to be read, if reading it would end.

    Raises:
        OSError: it leads to a FIFO, a socket or a device, or to nothing.
    """
    mode = path.stat().st_mode
    for is_kind, kind in _KINDS:
        if is_kind(mode):
            raise OSError(errno.EINVAL, f"is {kind}, not a file", str(path))
    return path


def sha256_of(path: Path) -> str:
    """The SHA-256 of a file's bytes, as 64 hexadecimal digits."""
    with regular_file(path).open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def content_hash(path: Path) -> str:
    """The BLAKE2b hash of a file's bytes, 128 bits as 32 hexadecimal digits."""
    with regular_file(path).open("rb") as file:
        return hashlib.file_digest(file, lambda: hashlib.blake2b(digest_size=_HASH_BYTES)).hexdigest()


def _is_link(path: Path) -> bool:
    try:
        return stat.S_ISLNK(path.lstat().st_mode)
    except OSError:
        return False


def _swap_folders(temporary: Path, final: Path) -> None:
    """Replace a folder by another; `remove_leftovers_of` restores it after a kill in between."""
    old = temporary.with_name(temporary.name + _OLD)
    if final.exists():
        final.rename(old)
    try:
        temporary.chmod(0o777 & ~_current_umask())
        temporary.rename(final)
    except OSError:
        if old.exists():
            old.rename(final)
        raise
    shutil.rmtree(old, ignore_errors=True)


def _remove_temporary_files(folder: Path, name: str, final: Path | None = None) -> None:
    """Remove temporary files whose name, as made by `tempfile`, has a prefix that matches a pattern."""
    if not folder.is_dir():
        return
    temporary = re.compile(rf"\.{name}{re.escape(_MARK)}[a-z0-9_]{{8}}({_OLD}|\.[^.]*)?")
    with _folder_lock(folder, exclusive=True) as is_alone:
        left = sorted(path for path in folder.iterdir() if temporary.fullmatch(path.name)) if is_alone else []
        moved_away = [path for path in left if path.name.endswith(_OLD)]
        if final is not None and moved_away and not path_exists(final):
            moved_away[-1].rename(final)
        for path in left:
            if path.is_dir():
                shutil.rmtree(path, ignore_errors=True)
            else:
                with suppress(OSError):
                    path.unlink()


def _temporary_prefix(final: Path) -> str:
    return f".{final.name}{_MARK}"


@contextmanager
def _writing_in(folder: Path) -> Iterator[None]:
    """Make the folder and take a shared lock on it, so that nobody removes our temporary files.

    A folder that was made for nothing is removed.
    """
    made = [one for one in (folder, *folder.parents) if not one.exists()]
    folder.mkdir(parents=True, exist_ok=True)
    try:
        with _folder_lock(folder, exclusive=False):
            yield
    except BaseException:
        with suppress(OSError):
            for one in made:
                one.rmdir()
        raise


@contextmanager
def _folder_lock(folder: Path, *, exclusive: bool) -> Iterator[bool]:
    """Yield whether the folder is locked; the kernel releases the lock when the process dies."""
    try:
        handle = os.open(folder, os.O_RDONLY)
    except OSError:
        yield False
        return
    try:
        yield _try_lock(handle, exclusive)
    finally:
        os.close(handle)


def _try_lock(handle: int, exclusive: bool) -> bool:
    # Windows has no locks on folders: temporary files of killed runs are not removed there.
    if sys.platform == "win32":
        return False
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB if exclusive else fcntl.LOCK_SH)
    except OSError:
        return False
    return True


def _mode_of(final: Path) -> int:
    """The permissions of a file: those of the one that it replaces, or the default of the umask."""
    if not path_exists(final):
        return 0o666 & ~_current_umask()
    if not os.access(final, os.W_OK):
        raise PermissionError(errno.EACCES, "it is write-protected", str(final))
    return stat.S_IMODE(final.stat().st_mode)


def _is_part_of(final: Path, name: str) -> bool:
    """Whether a path is `final`, a folder above it, or a temporary file of it."""
    return Path(name) in (final, *final.parents) or _temporary_prefix(final) in name


def _current_umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
