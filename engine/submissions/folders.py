"""Folders that are either whole or not there."""

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from seg.errors import OutputError


@contextmanager
def atomic_folder(final: Path) -> Iterator[Path]:
    """Yield a temporary folder beside `final`, which takes its place only if the block succeeds.

    Raises:
        OutputError: there is a file of that name, or the folder cannot be written.
    """
    if final.is_file():
        raise OutputError(f"{final}: is a file where a folder is to be written: move it away")
    try:
        final.parent.mkdir(parents=True, exist_ok=True)
        temporary = Path(tempfile.mkdtemp(dir=final.parent, prefix=f".{final.name}-"))
        try:
            yield temporary
            old = temporary.with_name(temporary.name + "-old")
            if final.exists():
                final.rename(old)
            temporary.chmod(0o755)
            temporary.rename(final)
            shutil.rmtree(old, ignore_errors=True)
        finally:
            shutil.rmtree(temporary, ignore_errors=True)
    except OSError as error:
        raise OutputError(f"{final}: cannot be written: {error.strerror}") from error
