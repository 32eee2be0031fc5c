"""The files that a source is in: whether it is the one that was exported."""

import hashlib
from pathlib import Path

from seg.files.atomic import sha256_of


def sha256_of_files(first: Path, *others: Path) -> str:
    """A SHA-256 of the content of one file; of several, of theirs in order."""
    if not others:
        return sha256_of(first)
    return hashlib.sha256(" ".join(map(sha256_of, (first, *others))).encode()).hexdigest()
