"""Pictures in a submission's folder that claim more than they can be."""

from pathlib import Path
from typing import Final

from seg.data.image_header import image_size
from seg.engine.submissions.base import SizeOf
from seg.errors import DataError

LARGE: Final = 2**25
"""Pixels from which on a picture must have the size of its image before it is decoded."""

_HEADER_BYTES: Final = 2**16


def refuse_false_claim(file: Path, image_id: str, size_of: SizeOf) -> None:
    """Raise DataError where a picture's header claims very many pixels, and not those of its image.

    A few bytes can claim gigabytes, which would be allocated to decode them.
    """
    try:
        with file.open("rb") as opened:
            height, width = image_size(opened.read(_HEADER_BYTES))
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
