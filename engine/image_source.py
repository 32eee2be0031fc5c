"""Image files and their versions: whether a file is the one that an earlier run predicted."""

import hashlib
import time
from collections.abc import Sequence
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
    """The file of an image and its version; of a stack, those of all its slices.

    Attributes:
        stat_hash: a hash of the files' sizes, times and inodes, found without reading them; None if there is
            no file.
        changed_ns: the time of the last change of a file or its metadata, since the epoch.
        version: the object store's version of an image at a URI; empty for files.
        stack: the slices whose bands make the image, if there are several.
    """

    path: Path
    stat_hash: str | None = None
    changed_ns: int = 0
    version: str = ""
    stack: tuple[Path, ...] = ()

    @classmethod
    def at(cls, path: Path, stack: tuple[Path, ...] = ()) -> Self:
        """The file or files as they are now; a missing one is reported when it is read."""
        try:
            found = [file.stat() for file in stack or (path,)]
        except OSError:
            return cls(path, stack=stack)
        facts = tuple(
            fact for one in found for fact in (one.st_size, one.st_mtime_ns, one.st_ctime_ns, one.st_ino)
        )
        stat_hash = hashlib.blake2b(repr(facts).encode(), digest_size=_HASH_BYTES).hexdigest()
        changed_ns = max(max(one.st_mtime_ns, one.st_ctime_ns) for one in found)
        return cls(path, stat_hash, changed_ns, stack=stack)

    def content(self) -> str:
        """The hash of the content of the file or files, or the version.

        Raises:
            DataError: a file cannot be read, or has changed.
        """
        if self.version:
            return self.version
        found = _content_hash_of_files(self.stack or (self.path,))
        if ImageSource.at(self.path, self.stack).stat_hash != self.stat_hash:
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


def _content_hash_of_files(files: Sequence[Path]) -> str:
    """The hash of a file, or of several in their order; raises DataError."""
    hashes: dict[Path, str] = {}
    for file in files:
        try:
            hashes[file] = hashes.get(file) or content_hash(file)
        except OSError as error:
            raise DataError(f"{file}: cannot be read: {error.strerror}") from error
    in_order = [hashes[file] for file in files]
    return in_order[0] if len(files) == 1 else hashlib.sha256(" ".join(in_order).encode()).hexdigest()
