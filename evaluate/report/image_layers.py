"""Image layers of the page: WebP as data URIs, and layers of errors, disagreement and entropy."""

import base64
from typing import Final, TypeVar

import cv2
import numpy as np
from numpy.typing import NDArray

from seg.labels.label_map import ImageHWC
from seg.pictures.drawing import LayerHWC

Value = TypeVar("Value", np.uint8, np.float32)

LOSSLESS: Final = 101
"""The quality from which on OpenCV encodes losslessly."""

WRONG: Final = (213, 40, 0, 255)
DISPUTED: Final = (170, 30, 200, 255)
UNKNOWN: Final = (128, 128, 128, 170)


def as_webp(picture: NDArray[np.uint8], quality: int = LOSSLESS) -> str:
    """RGB or RGBA, uint8 `[H, W, 3 or 4]`, as a data URI."""
    swap = cv2.COLOR_RGBA2BGRA if picture.shape[2] == 4 else cv2.COLOR_RGB2BGR
    _, data = cv2.imencode(".webp", cv2.cvtColor(picture, swap), (cv2.IMWRITE_WEBP_QUALITY, quality))
    return "data:image/webp;base64," + base64.b64encode(data.tobytes()).decode()


def draw_disputes(disputed_hw: NDArray[np.bool_]) -> LayerHWC:
    """Draw pixels on which members differ in violet, RGBA uint8 `[H, W, 4]`."""
    layer_hwc = np.zeros((*disputed_hw.shape, 4), dtype=np.uint8)
    layer_hwc[disputed_hw] = DISPUTED
    return layer_hwc


def draw_errors(wrong_hw: NDArray[np.bool_], known_hw: NDArray[np.bool_]) -> LayerHWC:
    """Draw wrong pixels in red, those without a truth in grey, RGBA uint8 `[H, W, 4]`."""
    layer_hwc = np.zeros((*wrong_hw.shape, 4), dtype=np.uint8)
    layer_hwc[~known_hw] = UNKNOWN
    layer_hwc[wrong_hw] = WRONG
    return layer_hwc


def draw_entropy(entropy_hw: NDArray[np.float32]) -> ImageHWC:
    """Draw entropy from black (0) to light yellow (1), RGB uint8 `[H, W, 3]`."""
    coloured = cv2.applyColorMap(np.rint(255 * entropy_hw).astype(np.uint8), cv2.COLORMAP_INFERNO)
    return np.asarray(cv2.cvtColor(coloured, cv2.COLOR_BGR2RGB), dtype=np.uint8)


def shrunk(picture: NDArray[Value], max_width: int, *, smooth: bool = True) -> NDArray[Value]:
    """Shrink to at most this width, by area means, or by the nearest pixel if values must not mix."""
    height, width = picture.shape[:2]
    if width <= max_width:
        return picture
    size = (max_width, max(1, round(height * max_width / width)))
    method = cv2.INTER_AREA if smooth else cv2.INTER_NEAREST_EXACT
    return np.asarray(cv2.resize(picture, size, interpolation=method), dtype=picture.dtype)
