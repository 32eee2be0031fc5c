"""Image layers of the page: WebP as data URIs, and layers of errors, disagreement and entropy."""

import base64
from collections.abc import Sequence
from typing import Final, TypeVar

import cv2
import numpy as np
from numpy.typing import NDArray

from seg.labels.classes import ClassInfo
from seg.labels.label_map import ImageHWC
from seg.labels.task import LabelMap, masks_of
from seg.pictures.drawing import INK, LayerHWC, draw_label_layer

Value = TypeVar("Value", np.uint8, np.float32)

LOSSLESS: Final = 101
"""The quality from which on OpenCV encodes losslessly."""

WRONG: Final = (213, 40, 0, 255)
DISPUTED: Final = (170, 30, 200, 255)
UNKNOWN: Final = (128, 128, 128, 170)
FILLED: Final = 0.45
"""The opacity of the truth below contours."""

LEAST_CONTOUR_WIDTH: Final = 480
"""Smaller images are enlarged below their contours, which would hide them otherwise."""


def webp_data_uri(picture: NDArray[np.uint8], quality: int = LOSSLESS) -> str:
    """RGB or RGBA, uint8 `[H, W, 3 or 4]`, as a data URI."""
    swap = cv2.COLOR_RGBA2BGRA if picture.shape[2] == 4 else cv2.COLOR_RGB2BGR
    _, data = cv2.imencode(".webp", cv2.cvtColor(picture, swap), (cv2.IMWRITE_WEBP_QUALITY, quality))
    return "data:image/webp;base64," + base64.b64encode(data.tobytes()).decode()


def draw_disputed_layer(disputed_hw: NDArray[np.bool_]) -> LayerHWC:
    """Draw pixels on which members differ in violet, RGBA uint8 `[H, W, 4]`."""
    layer_hwc = np.zeros((*disputed_hw.shape, 4), dtype=np.uint8)
    layer_hwc[disputed_hw] = DISPUTED
    return layer_hwc


def draw_error_layer(wrong_hw: NDArray[np.bool_], known_hw: NDArray[np.bool_]) -> LayerHWC:
    """Draw wrong pixels in red, those without a truth in grey, RGBA uint8 `[H, W, 4]`."""
    layer_hwc = np.zeros((*wrong_hw.shape, 4), dtype=np.uint8)
    layer_hwc[~known_hw] = UNKNOWN
    layer_hwc[wrong_hw] = WRONG
    return layer_hwc


def draw_contour_layer(truth_hw: LabelMap, predicted_hw: LabelMap, classes: Sequence[ClassInfo]) -> LayerHWC:
    """Draw the true masks of classes that overlap filled, and the predicted ones as dark-edged contours.

    Returns RGBA uint8, a whole number of times as large as the label maps.
    """
    times = max(1, -(-LEAST_CONTOUR_WIDTH // truth_hw.shape[1]))
    truth_hw, predicted_hw = (one.repeat(times, 0).repeat(times, 1) for one in (truth_hw, predicted_hw))
    layer_hwc = draw_label_layer(truth_hw, classes, opacity=FILLED, task="multilabel", borders=False)
    masks_chw = masks_of(predicted_hw, "multilabel", len(classes)).astype(np.uint8)
    for info, mask_hw in zip(classes, masks_chw, strict=True):
        lines, _ = cv2.findContours(mask_hw, cv2.RETR_CCOMP, cv2.CHAIN_APPROX_NONE)
        cv2.drawContours(layer_hwc, lines, -1, (*INK, 255), thickness=4)
        cv2.drawContours(layer_hwc, lines, -1, (*info.colour, 255), thickness=2)
    return layer_hwc


def draw_entropy_layer(entropy_hw: NDArray[np.float32]) -> ImageHWC:
    """Draw entropy from black (0) to light yellow (1), RGB uint8 `[H, W, 3]`."""
    coloured = cv2.applyColorMap(np.rint(255 * entropy_hw).astype(np.uint8), cv2.COLORMAP_INFERNO)
    return np.asarray(cv2.cvtColor(coloured, cv2.COLOR_BGR2RGB), dtype=np.uint8)


def shrink_layer(picture: NDArray[Value], max_width: int, *, smooth: bool = True) -> NDArray[Value]:
    """Shrink to at most this width, by area means, or by the nearest pixel if values must not mix."""
    height, width = picture.shape[:2]
    if width <= max_width:
        return picture
    size = (max_width, max(1, round(height * max_width / width)))
    method = cv2.INTER_AREA if smooth else cv2.INTER_NEAREST_EXACT
    return np.asarray(cv2.resize(picture, size, interpolation=method), dtype=picture.dtype)
