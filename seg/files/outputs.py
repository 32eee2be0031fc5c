"""Output files and folders of commands, checked before the computation and again before they are replaced.

Every command writes through `Output`: a file or folder that seg did not write, or that was changed since, is
replaced only with --overwrite; what the command reads is never replaced.
"""

import os
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from seg.errors import OutputError
from seg.files.atomic import atomic_folder, follow_link, path_exists, remove_leftovers_of, write_errors_named
from seg.files.file_names import LONGEST
from seg.files.image_suffixes import ARRAY_SUFFIXES, IMAGE_SUFFIXES
from seg.files.ownership import is_own_folder, record_own_file, record_own_folder, unowned_files
from seg.terminal.events import emit_event

_LONGEST_NAME: Final = LONGEST - 32
"""Bytes in the name of an output: those of its lock, its journal and what is written before it are longer."""


@dataclass(frozen=True, slots=True)
class Output:
    """A file or folder to write.

    Attributes:
        path: a symbolic link is followed, and stays a link.
        reads: files and folders that the command reads.
        overwrite: also replace what seg did not write.
    """

    path: Path
    reads: Sequence[Path] = ()
    overwrite: bool = False
    is_folder: bool = False

    def check(self) -> None:
        """Raise OutputError if writing would destroy something, or cannot succeed."""
        final = follow_link(self.path)
        _refuse_long_name(final)
        self._refuse_other_kind(final)
        if path_exists(final):
            self._refuse_what_is_read(final)
            self._refuse_foreign(final)
        _refuse_unwritable(final)

    @contextmanager
    def writing(self) -> Iterator[Path]:
        """Yield the path for the caller to write atomically; then record it as written by seg.

        Raises:
            OutputError: as `check` does, or it cannot be written.
        """
        self.check()
        final = follow_link(self.path)
        with write_errors_named(final):
            remove_leftovers_of(final)
            yield final
            if final.is_file():
                record_own_file(final)
        emit_event("output", path=str(self.path))

    @property
    def _kind(self) -> str:
        return "folder" if self.is_folder else "file"

    def _refuse_other_kind(self, final: Path) -> None:
        if path_exists(final) and final.is_dir() != self.is_folder:
            there = "file" if self.is_folder else "folder"
            raise OutputError(
                f"{self.path}: is a {there} where a {self._kind} is to be written: name another {self._kind}"
            )

    def _refuse_what_is_read(self, final: Path) -> None:
        """Refuse to replace a file that is read, also through links and other paths to the same file."""
        for path in self.reads:
            if path_exists(path) and final.samefile(path):
                raise self._read_already("is", path)
            if self.is_folder and _is_below(path, final):
                raise self._read_already("holds", path)

    def _refuse_foreign(self, final: Path) -> None:
        """Refuse to replace what seg did not write, and images in a folder that is read."""
        folders = () if is_own_folder(final) else filter(Path.is_dir, self.reads)
        is_read = any(_is_below(final, folder) for folder in folders)
        for foreign in unowned_files(final):
            if is_read and foreign.suffix.lower() in IMAGE_SUFFIXES | ARRAY_SUFFIXES:
                raise self._read_already("is" if foreign == final else "holds", foreign)
            if not self.overwrite:
                raise OutputError(
                    f"{foreign}: was not written by seg, or was changed since: name another {self._kind}, or"
                    " add --overwrite"
                )

    def _read_already(self, how: str, path: Path) -> OutputError:
        return OutputError(f"{self.path}: {how} what this command reads ({path}): name another {self._kind}")


@contextmanager
def output_folder(final: Path) -> Iterator[Path]:
    """Yield a temporary folder that replaces `final` if the block succeeds, recorded as written by seg."""
    with atomic_folder(final) as folder:
        yield folder
        record_own_folder(folder)


def _is_below(path: Path, folder: Path) -> bool:
    return Path(os.path.realpath(folder)) in Path(os.path.realpath(path)).parents


def _refuse_long_name(final: Path) -> None:
    size = len(os.fsencode(final.name))
    if size > _LONGEST_NAME:
        raise OutputError(
            f"{final}: has a name of {size} bytes, and files beside it have longer ones: shorten it to"
            f" {_LONGEST_NAME} bytes"
        )


def _refuse_unwritable(final: Path) -> None:
    """Raise OutputError, with the system's reason, if no file can be created there; none is left behind."""
    folder = next((above for above in final.absolute().parents if path_exists(above)), Path("/"))
    if not folder.is_dir():
        raise OutputError(f"{final}: cannot be written: {folder} is a file, not a folder")
    try:
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise OutputError(f"{final}: cannot be written: {folder}: {error.strerror or error}") from error
