"""Where a user wants something written: checked before anything is computed, and again before it is replaced.

Every command writes what its user names through `Output`: a file or folder that seg did not write, or that
somebody changed since, is not replaced unless that is insisted on; what a command reads never is.
"""

import os
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from seg.errors import OutputError
from seg.files import atomic_folder, errors_named, followed, is_there, remove_leftovers
from seg.ownership import foreign_part, mark_folder, note_file


@dataclass(frozen=True, slots=True)
class Output:
    """A file, or a folder, to write.

    Attributes:
        path: a symbolic link is followed, and stays.
        reads: files and folders that the command reads.
        overwrite: replace also what seg did not write.
    """

    path: Path
    reads: Iterable[Path] = ()
    overwrite: bool = False
    is_folder: bool = False

    def check(self) -> None:
        """Raise OutputError where writing would destroy something, or cannot succeed."""
        final = followed(self.path)
        self._refuse_other_kind(final)
        self._refuse_what_is_read(final)
        foreign = None if self.overwrite else foreign_part(final)
        if foreign is not None:
            raise OutputError(
                f"{foreign}: was not written by seg, or was changed since: name another"
                f" {self._kind}, or add --overwrite"
            )
        _refuse_unwritable(final)

    @contextmanager
    def writing(self) -> Iterator[Path]:
        """The path to write at, atomically, by whoever writes; then it is noted as written by seg.

        Raises:
            OutputError: as `check` does, or it cannot be written.
        """
        self.check()
        final = followed(self.path)
        with errors_named(final):
            if final.parent.is_dir():
                remove_leftovers(final)
            yield final
            if final.is_file():
                note_file(final)

    @property
    def _kind(self) -> str:
        return "folder" if self.is_folder else "file"

    def _refuse_other_kind(self, final: Path) -> None:
        if is_there(final) and final.is_dir() != self.is_folder:
            there = "file" if self.is_folder else "folder"
            raise OutputError(
                f"{self.path}: is a {there} where a {self._kind} is to be written: name another {self._kind}"
            )

    def _refuse_what_is_read(self, final: Path) -> None:
        real, identity = Path(os.path.realpath(final)), _identity(final)
        for path in self.reads:
            is_same = identity is not None and identity == _identity(path)
            other = Path(os.path.realpath(path))
            if is_same or other == real or (self.is_folder and real in other.parents):
                raise OutputError(
                    f"{self.path}: {'holds' if real in other.parents else 'is'} what this command reads"
                    f" ({path}): name another {self._kind}"
                )


@contextmanager
def output_folder(final: Path) -> Iterator[Path]:
    """Yield a temporary folder that takes the place of `final` if the block succeeds, marked as seg's."""
    with atomic_folder(final) as folder:
        yield folder
        mark_folder(folder)


def _identity(path: Path) -> tuple[int, int] | None:
    """What is the same for all names of one file."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino


def _refuse_unwritable(final: Path) -> None:
    """Raise OutputError, with the system's reason, where no file can be made there; none is left."""
    folder = next((above for above in final.absolute().parents if is_there(above)), Path("/"))
    if not folder.is_dir():
        raise OutputError(f"{final}: cannot be written: {folder} is a file, not a folder")
    try:
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise OutputError(f"{final}: cannot be written: {folder}: {error.strerror or error}") from error
