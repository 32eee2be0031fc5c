"""An image's file as it is when a run looks at it, and whether that is what an earlier run saw."""

import hashlib
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Self

from seg.errors import DataError
from seg.files import content_hash

_SETTLED_NS: Final = 2 * 10**9
"""A file that was changed less than this ago may change again at the same time by the disk's clock."""

_LOOK_BYTES: Final = 8


@dataclass(frozen=True, slots=True)
class Source:
    """The file of an image.

    Attributes:
        look: a hash of what costs no reading: bytes, times and inode; None where there is no file.
        changed_ns: when the file, or anything about it, was changed last, since the epoch.
        version: what a store says of an image that lies at a URI; empty for files.
    """

    path: Path
    look: str | None = None
    changed_ns: int = 0
    version: str = ""

    @classmethod
    def at(cls, path: Path) -> Self:
        """The file as it is now; that it is missing is said where it is read."""
        try:
            found = path.stat()
        except OSError:
            return cls(path)
        facts = (found.st_size, found.st_mtime_ns, found.st_ctime_ns, found.st_ino)
        look = hashlib.blake2b(repr(facts).encode(), digest_size=_LOOK_BYTES).hexdigest()
        return cls(path, look, max(found.st_mtime_ns, found.st_ctime_ns))

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
        if Source.at(self.path).look != self.look:
            raise DataError(f"{self.path}: was changed while it was predicted: run the same command again")
        return found

    @property
    def settled_look(self) -> str | None:
        """The look, if every later change must show in it."""
        return self.look if time.time_ns() - self.changed_ns > _SETTLED_NS else None

    def is_as(self, content: str, look: str | None) -> bool:
        """Whether this is the file that had this content, and this look; it is read where looks differ."""
        if look is not None and look == self.look:
            return True
        try:
            return content == self.content()
        except DataError:
            # What is wrong with it is said where it is read.
            return False
