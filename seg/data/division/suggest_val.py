"""What may be held out where there are no validation images: a share of the images, or blocks of a few."""

from typing import Any, Final

FEW: Final = 5
"""With fewer images, a share of them would be one, which says little."""

SHARE: Final = 0.2
_BLOCKS_ALONG_A_SIDE: Final = 4
_LEAST: Final = 256
_MOST: Final = 2048


def suggest_val(images: int, size_hw: tuple[int, int] | None) -> float | dict[str, Any]:
    """A value of a dataset's `val`.

    Args:
        images: how many there are.
        size_hw: the size of one of them, if it is known. Blocks are held out if several lie along each side.
    """
    side = min(size_hw or (0, 0)) // _BLOCKS_ALONG_A_SIDE
    if images < FEW and side >= _LEAST:
        return {"tiles": SHARE, "block": min(_MOST, 2 ** (side.bit_length() - 1))}
    return SHARE
