"""The bands and range for images of more than 8 bits or of other bands, from a look at some of them."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from seg.data.deep.decode import read_deep
from seg.data.images.image_files import bytes_of_file
from seg.data.images.image_header import LostBandsError, image_size
from seg.errors import DataError
from seg.files.image_suffixes import ARRAY_SUFFIXES
from seg.image_type import ImageHWB

_READ: Final = 16
"""Of a folder's images, so many are read, evenly spread."""

_OPENED: Final = 256
"""Of a folder's images, the headers of so many are read, since few of them may have other bands."""

_REFLECTANCE: Final = (4, 10_000)
"""From this many bands on, values above 8 bits are probably reflectances times this."""

_FIRST, _LAST = 1, 99


def suggest_pixel_range(paths: Sequence[Path]) -> tuple[dict[str, Any], list[str]]:
    """The keys of a dataset that such images need, and what is unsure; empty if they need none."""
    try:
        others = [path for path in _sample_of_paths(paths, _OPENED) if _would_lose_bands(path)]
        if not others:
            return {}, []
        some = dict.fromkeys([*_sample_of_paths(paths, _READ), *_sample_of_paths(others, _READ)])
        found = [read_deep(path) for path in some]
    except DataError:
        return {}, []
    return _range_keys(
        [image.shape[-1] for image in found], np.concatenate(list(map(_values_of_bands, found)))
    )


def _sample_of_paths(paths: Sequence[Path], most: int) -> Sequence[Path]:
    """At most so many of the paths, evenly spread."""
    return paths[:: max(1, -(-len(paths) // most))]


def _would_lose_bands(path: Path) -> bool:
    if path.suffix.lower() in ARRAY_SUFFIXES:
        return True
    try:
        image_size(bytes_of_file(path))
    except LostBandsError:
        return True
    except ValueError:
        return False
    return False


def _values_of_bands(image_hwb: ImageHWB) -> NDArray[np.float64]:
    """Finite values of all bands, at most some 10,000."""
    values = image_hwb[np.isfinite(image_hwb)]
    return np.asarray(values[:: max(1, values.size // 10_000)], np.float64)


def _range_keys(counts: Sequence[int], values: NDArray[np.float64]) -> tuple[dict[str, Any], list[str]]:
    """The keys for images of so many bands with these values, and what is unsure."""
    least = min(counts)
    keys: dict[str, Any] = {}
    unsure = []
    if max(counts) != least:
        keys["bands"] = list(range(1, least + 1))
        unsure.append(f"bands: images have {least} to {max(counts)}: these are what all of them have")
    most = float(values.max(initial=1))
    low, high = (float(end) for end in np.percentile(values, (_FIRST, _LAST))) if values.size else (0.0, 1.0)
    if most <= np.iinfo(np.uint8).max and float(values.min(initial=0)) >= 0 and (values % 1 == 0).all():
        keys["range"] = [0, 255]
    elif least >= _REFLECTANCE[0] and most > np.iinfo(np.uint8).max:
        keys["range"] = [0, _REFLECTANCE[1]]
        unsure.append(f"range: the values that become 0 and 1; of some images, most are {low:g}..{high:g}")
    else:
        keys["range"] = [_rounded_range_end(low), _rounded_range_end(high if high > low else low + 1)]
        unsure.append(
            "range: most values of some images; a CT has a known 'window', and images that differ in scale,"
            " as of MRI, take 'percentile: [1, 99]'"
        )
    if least >= _REFLECTANCE[0]:
        keys["rgb"] = [3, 2, 1] if least == _REFLECTANCE[0] else [4, 3, 2]
        unsure.append("rgb: the bands that pictures show as red, green and blue")
    return keys, unsure


def _rounded_range_end(value: float) -> float:
    """To three digits."""
    rounded = float(f"{value:.3g}")
    return int(rounded) if rounded.is_integer() else rounded
