"""Images of more than 8 bits or of other bands: the range that they are read in."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from seg.data.deep.decode import decode_deep
from seg.data.guess.result import Guess
from seg.data.images.image_files import bytes_of
from seg.data.images.image_header import LostBandsError, image_size
from seg.data.splits.list_samples import images_at
from seg.errors import DataError

_REFLECTANCE = (4, 10_000)
"""From this many bands on, values are probably reflectances times this."""


def with_pixel_range(guess: Guess) -> Guess:
    """The guess with `bands` and `range` or `percentile`, if its first training image needs them."""
    train = guess.dataset.get("train")
    if train is None:
        return guess
    images = train["images"]
    try:
        _, paths = images_at(images if isinstance(images, Path) else images[0])
        data = bytes_of(paths[0])
    except DataError:
        return guess
    try:
        image_size(data)
    except LostBandsError:
        return _with_range(guess, data)
    except ValueError:
        return guess
    return guess


def _with_range(guess: Guess, data: bytes) -> Guess:
    try:
        bands_hwb = decode_deep(data)
    except (DataError, ValueError):
        return guess
    count = bands_hwb.shape[-1]
    keys: dict[str, Any] = {}
    unsure = []
    if count not in {1, 3}:
        keys["bands"] = [3, 2, 1] if count == _REFLECTANCE[0] else [4, 3, 2] if count > 3 else [1]
        unsure.append(f"bands: images have {count}: these are read as red, green and blue")
    values = f"{np.nanmin(bands_hwb):g}..{np.nanmax(bands_hwb):g}"
    if count >= _REFLECTANCE[0]:
        keys["range"] = [0, _REFLECTANCE[1]]
        unsure.append(f"range: the values that become 0 and 255; the first image has {values}")
    else:
        keys["percentile"] = [1, 99]
        unsure.append(
            f"percentile: of each image; the first has values {values}; or give a 'range', or a CT's 'window'"
        )
    return replace(guess, dataset={**guess.dataset, **keys}, unsure=(*guess.unsure, *unsure))
