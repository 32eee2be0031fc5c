"""An image's file as it is when a run looks at it, and whether that is what an earlier run saw."""

import time
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Final, Self

from seg.errors import DataError
from seg.files import content_hash

_SETTLED_NS: Final = 2 * 10**9
"""A file that was changed less than this ago may change again at the same time by the disk's clock."""

Look = tuple[int, int, int, int]
"""Bytes, times of the last change of content and of anything, in ns, and inode: they cost no reading."""


@dataclass(frozen=True)
class Source:
    """The file of an image.

    Attributes:
        look: what it looks like from outside; None where that tells nothing, or there is no file.
        version: what a store says of an image that lies at a URI; empty for files.
    """

    path: Path
    look: Look | None = None
    version: str = ""

    @classmethod
    def at(cls, path: Path) -> Self:
        """The file as it is now; that it is missing is said where it is read."""
        return cls(path, _look(path))

    @cached_property
    def content(self) -> str:
        """The hash of the file's content, or its version.

        Raises:
            DataError: the file cannot be read, or is not what it was.
        """
        if self.version:
            return self.version
        try:
            found = content_hash(self.path)
        except OSError as error:
            raise DataError(f"{self.path}: cannot be read: {error.strerror}") from error
        if _look(self.path) != self.look:
            raise DataError(f"{self.path}: was changed while it was predicted: run the same command again")
        return found

    @property
    def settled_look(self) -> Look | None:
        """The look, if a later change must show in it."""
        if self.look is None or time.time_ns() - max(self.look[1], self.look[2]) < _SETTLED_NS:
            return None
        return self.look

    def is_as(self, content: str, look: Look | None) -> bool:
        """Whether this is the file that had this content, and this look; it is read where looks differ."""
        if look is not None and look == self.look:
            return True
        try:
            return content == self.content
        except DataError:
            # What is wrong with it is said where it is read.
            return False


def _look(path: Path) -> Look | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_size, found.st_mtime_ns, found.st_ctime_ns, found.st_ino
