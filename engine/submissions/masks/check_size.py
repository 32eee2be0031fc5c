"""Size checks of a submission's images before they are decoded, against decompression bombs."""

from pathlib import Path
from typing import Final

from seg.data.images.image_header import image_size
from seg.engine.submissions.base import SizeOf
from seg.errors import DataError

LARGE_PIXELS: Final = 2**25
"""From this many pixels an image of a submission must have its expected size to be decoded."""

_HEADER_BYTES: Final = 2**16


def check_header_size(file: Path, image_id: str, size_of: SizeOf) -> None:
    """Raise DataError if a header claims very many pixels, and another size than expected.

    A few bytes can claim gigabytes, which decoding would allocate.
    """
    try:
        with file.open("rb") as opened:
            height, width = image_size(opened.read(_HEADER_BYTES))
    except (OSError, ValueError):
        # The error is reported when the file is decoded.
        return
    check_claimed_size(file, image_id, (height, width), size_of)


def check_claimed_size(file: Path, image_id: str, size_hw: tuple[int, int], size_of: SizeOf) -> None:
    """Raise DataError if a size is very large and not the expected one."""
    height, width = size_hw
    if height * width > LARGE_PIXELS and size_hw != size_of(image_id):
        wanted = "x".join(map(str, size_of(image_id)))
        raise DataError(f"{file}: claims {height}x{width} pixels, but its image has {wanted}")
