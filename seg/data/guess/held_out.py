"""What is held out where there are no validation images: a share of the images, or blocks of a few."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from seg.data.importers.base import size_of
from seg.errors import DataError

FEW: Final = 5
"""With fewer images, a share of them would be one, which says little."""

_BLOCKS_ALONG_A_SIDE: Final = 4
_LEAST: Final = 256
_MOST: Final = 2048


def guess_val(train: Sequence[Path]) -> tuple[float | dict[str, Any], str]:
    """The value of `val` for these training images, and what is unsure about it."""
    if len(train) < FEW and (block := _block_of(train[0])):
        return (
            {"tiles": 0.2, "block": block},
            f"val: a fifth of the blocks of {block}x{block} pixels, since there are few images",
        )
    return (
        0.2,
        "val: a random fifth of the training images; images of one scene belong together: see 'group'",
    )


def _block_of(image: Path) -> int | None:
    """The side of blocks of which an image has several along each side; None for a small or broken one."""
    try:
        side = min(size_of(image)) // _BLOCKS_ALONG_A_SIDE
    except DataError:
        return None
    return min(_MOST, 2 ** (side.bit_length() - 1)) if side >= _LEAST else None
