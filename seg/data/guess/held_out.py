"""What is held out where there are no validation images, with words about it."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from seg.data.division.suggest_val import suggest_val
from seg.data.importers.base import size_of_imported_image
from seg.errors import DataError


def guess_val(train: Sequence[Path]) -> tuple[float | dict[str, Any], str]:
    """The value of `val` for these training images, and what is unsure about it."""
    try:
        size_hw = size_of_imported_image(train[0])
    except DataError:
        size_hw = None
    val = suggest_val(len(train), size_hw)
    if isinstance(val, dict):
        block = val["block"]
        return val, f"val: a fifth of the blocks of {block}x{block} pixels, since there are few images"
    return val, "val: a random fifth of the training images; images of one scene belong together: see 'group'"
