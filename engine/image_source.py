"""Image files and their versions: whether a file is the one that an earlier run predicted."""

import hashlib
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Self

from seg.errors import DataError
from seg.files.atomic import content_hash

_SETTLED_NS: Final = 2 * 10**9
"""A file that changed less than this ago may change again within the resolution of the disk's clock."""

_HASH_BYTES: Final = 8


@dataclass(frozen=True, slots=True)
class ImageSource:
    """The file of an image and its version.

    Attributes:
        stat_hash: a hash of the file's size, times and inode, found without reading it; None if there is no
            file.
        changed_ns: the time of the last change of the file or its metadata, since the epoch.
        version: the object store's version of an image at a URI; empty for files.
    """

    path: Path
    stat_hash: str | None = None
    changed_ns: int = 0
    version: str = ""

    @classmethod
    def at(cls, path: Path) -> Self:
        """The file as it is now; a missing file is reported when it is read."""
        try:
            found = path.stat()
        except OSError:
            return cls(path)
        facts = (found.st_size, found.st_mtime_ns, found.st_ctime_ns, found.st_ino)
        stat_hash = hashlib.blake2b(repr(facts).encode(), digest_size=_HASH_BYTES).hexdigest()
        return cls(path, stat_hash, max(found.st_mtime_ns, found.st_ctime_ns))

    def content(self) -> str:
        """The hash of the file's content, or its version.

        Raises:
            DataError: the file cannot be read, or has changed.
        """
        if self.version:
            return self.version
        try:
            found = content_hash(self.path)
        except OSError as error:
            raise DataError(f"{self.path}: cannot be read: {error.strerror}") from error
        if ImageSource.at(self.path).stat_hash != self.stat_hash:
            raise DataError(f"{self.path}: was changed while it was predicted: run the same command again")
        return found

    @property
    def settled_stat_hash(self) -> str | None:
        """The hash, if every later change of the file must change it, else None."""
        return self.stat_hash if time.time_ns() - self.changed_ns > _SETTLED_NS else None

    def matches(self, content: str, stat_hash: str | None) -> bool:
        """Whether the file still has this content. It is read only if its `stat_hash` differs."""
        if stat_hash is not None and stat_hash == self.stat_hash:
            return True
        try:
            return content == self.content()
        except DataError:
            # The error is reported when the image is read.
            return False
