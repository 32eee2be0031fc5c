"""Folders that are either whole or not there, and pictures in them that claim more than they can be."""

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from seg.data.claims import claimed_size
from seg.engine.submissions.base import SizeOf
from seg.errors import DataError, OutputError

LARGE: Final = 2**25
"""Pixels from which on a picture must have the size of its image before it is decoded."""

_HEADER_BYTES: Final = 2**16


def refuse_false_claim(file: Path, image_id: str, size_of: SizeOf) -> None:
    """Raise DataError where a picture's header claims very many pixels, and not those of its image.

    A few bytes can claim gigabytes, which would be allocated to decode them.
    """
    try:
        with file.open("rb") as opened:
            height, width = claimed_size(opened.read(_HEADER_BYTES))
    except (OSError, ValueError):
        # What is wrong with it is said where it is decoded.
        return
    refuse_false_size(file, image_id, (height, width), size_of)


def refuse_false_size(file: Path, image_id: str, size_hw: tuple[int, int], size_of: SizeOf) -> None:
    """The same for a height and width that are known."""
    height, width = size_hw
    if height * width > LARGE and size_hw != size_of(image_id):
        wanted = "x".join(map(str, size_of(image_id)))
        raise DataError(f"{file}: claims {height}x{width} pixels, and its image has {wanted}")


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
