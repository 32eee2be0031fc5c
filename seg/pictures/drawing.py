"""Pictures of label maps: overlays, legends and contact sheets, all uint8 RGB `[H, W, 3]`."""

from collections.abc import Sequence
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from seg.labels.classes import ClassInfo
from seg.labels.label_map import ImageHWC
from seg.labels.task import LabelMap, Task, classes_overlap, ignored_in, masks_of

LayerHWC = NDArray[np.uint8]
"""A picture that is partly transparent, RGBA uint8 `[H, W, 4]`."""

PAPER: Final = (255, 255, 255)
INK: Final = (32, 32, 32)
IGNORED_COLOUR: Final = (128, 128, 128)
_FONT: Final = cv2.FONT_HERSHEY_SIMPLEX
_TEXT_SCALE: Final = 0.42
_LINE_HEIGHT: Final = 20
_OUTLINE_DIMS: Final = 2
_GAP: Final = 6


def colourise_labels(
    labels_hw: LabelMap, classes: Sequence[ClassInfo], task: Task = "multiclass"
) -> ImageHWC:
    """Each label in its class's colour, and ignored pixels in grey.

    Where classes overlap, a pixel has the mean of their colours; a pixel of none is black.
    """
    if classes_overlap(task):
        return _mean_colours(labels_hw, classes, task)
    palette = np.full((256, 3), IGNORED_COLOUR, dtype=np.uint8)
    palette[: len(classes)] = [c.colour for c in classes]
    return palette[labels_hw]


def draw_overlay(
    image_hwc: ImageHWC,
    labels_hw: LabelMap,
    classes: Sequence[ClassInfo],
    *,
    opacity: float = 0.5,
    clear: int | None = None,
    task: Task = "multiclass",
) -> ImageHWC:
    """The image with its label map over it and the borders between labels drawn.

    Pixels labelled `clear` (a background, say), ignored or of no class show the bare image.
    """
    layer_hwc = draw_label_layer(labels_hw, classes, opacity=opacity, clear=clear, task=task).astype(
        np.float32
    )
    opacity_hwc = layer_hwc[..., 3:] / 255
    blended_hwc = image_hwc * (1 - opacity_hwc) + layer_hwc[..., :3] * opacity_hwc
    return np.rint(blended_hwc).astype(np.uint8)


def draw_label_layer(
    labels_hw: LabelMap,
    classes: Sequence[ClassInfo],
    *,
    opacity: float = 1.0,
    clear: int | None = None,
    task: Task = "multiclass",
    borders: bool = True,
) -> LayerHWC:
    """A label map to lay over its image: classes at that opacity, and outlines in their darker colour.

    Pixels labelled `clear`, ignored or of no class are transparent. `clear` is a bit where
    classes overlap.
    """
    if classes_overlap(task) and clear is not None:
        labels_hw = labels_hw & ~labels_hw.dtype.type(1 << clear)
    layer_hwc = np.empty((*labels_hw.shape, 4), dtype=np.uint8)
    layer_hwc[..., :3] = colourise_labels(labels_hw, classes, task)
    bare_hw = ignored_in(labels_hw, task, len(classes))
    if classes_overlap(task):
        bare_hw |= labels_hw == 0
    elif clear is not None:
        bare_hw |= labels_hw == clear
    layer_hwc[..., 3] = np.where(bare_hw, 0, round(255 * opacity))
    if not borders:
        return layer_hwc
    border_hw = _label_borders(labels_hw)
    layer_hwc[border_hw, :3] //= _OUTLINE_DIMS
    layer_hwc[border_hw & bare_hw, :3] = INK
    layer_hwc[border_hw, 3] = 255
    return layer_hwc


def draw_legend(classes: Sequence[ClassInfo], width: int) -> ImageHWC:
    """A swatch and a name for each class, in as many rows as `width` asks for."""
    cells = [_GAP * 4 + _LINE_HEIGHT // 2 + _text_width(c.name) for c in classes]
    column = max(cells)
    columns = max(1, width // column)
    rows = -(-len(classes) // columns)
    sheet = _blank_paper(rows * _LINE_HEIGHT + _GAP, width)
    for position, c in enumerate(classes):
        row, place = divmod(position, columns)
        x, y = place * column + _GAP, row * _LINE_HEIGHT + _GAP
        side = _LINE_HEIGHT // 2 + 2
        cv2.rectangle(sheet, (x, y), (x + side, y + side), c.colour, cv2.FILLED)
        cv2.rectangle(sheet, (x, y), (x + side, y + side), INK, 1)
        _draw_text(sheet, c.name, (x + side + _GAP, y + side - 1))
    return sheet


def draw_contact_sheet(rows: Sequence[Sequence[ImageHWC]], titles: Sequence[str]) -> ImageHWC:
    """Pictures in rows and columns, each brought to the size of the first, with column titles."""
    height, width = rows[0][0].shape[:2]
    header = np.hstack([_draw_title(title, width) for title in titles])
    body = [
        np.hstack([_frame_picture(_resize_picture(cell, (height, width))) for cell in row]) for row in rows
    ]
    return np.vstack([header, *body])


def draw_caption(image_hwc: ImageHWC, text: str) -> ImageHWC:
    """The image with a line of small text below, cut off where it does not fit."""
    width = image_hwc.shape[1]
    shown = text
    while shown and _text_width(f"{shown}...") > width and shown != text[:1]:
        shown = shown[:-1]
    strip = _blank_paper(_LINE_HEIGHT, width)
    _draw_text(strip, text if _text_width(text) <= width else f"{shown}...", (0, _LINE_HEIGHT - 6))
    return np.vstack([image_hwc, strip])


def enlarge_picture(image_hwc: ImageHWC, least_width: int) -> ImageHWC:
    """The image magnified by the smallest whole number that makes it `least_width` wide."""
    factor = max(1, -(-least_width // image_hwc.shape[1]))
    return image_hwc.repeat(factor, axis=0).repeat(factor, axis=1)


def _mean_colours(labels_hw: LabelMap, classes: Sequence[ClassInfo], task: Task) -> ImageHWC:
    """The mean of the colours of a pixel's classes; values that a map has are few, and each is mixed once."""
    values, place_hw = np.unique(labels_hw, return_inverse=True)
    has_vc = masks_of(values, task, len(classes)).T
    sums_v3 = has_vc @ np.array([c.colour for c in classes], dtype=np.float64)
    palette: ImageHWC = np.rint(sums_v3 / np.maximum(has_vc.sum(1, keepdims=True), 1)).astype(np.uint8)
    palette[ignored_in(values, task, len(classes))] = IGNORED_COLOUR
    return palette[place_hw.reshape(labels_hw.shape)]


def _label_borders(labels_hw: LabelMap) -> NDArray[np.bool_]:
    border = np.zeros(labels_hw.shape, dtype=np.bool_)
    border[:, 1:] |= labels_hw[:, 1:] != labels_hw[:, :-1]
    border[1:] |= labels_hw[1:] != labels_hw[:-1]
    return border


def _blank_paper(height: int, width: int) -> ImageHWC:
    return np.full((height, width, 3), PAPER, dtype=np.uint8)


def _resize_picture(cell: ImageHWC, size_hw: tuple[int, int]) -> ImageHWC:
    if cell.shape[:2] == size_hw:
        return cell
    return np.asarray(cv2.resize(cell, size_hw[::-1], interpolation=cv2.INTER_AREA), dtype=np.uint8)


def _frame_picture(cell: ImageHWC) -> ImageHWC:
    framed = cv2.copyMakeBorder(cell, 0, _GAP, 0, _GAP, cv2.BORDER_CONSTANT, value=PAPER)
    return np.asarray(framed, dtype=np.uint8)


def _draw_title(text: str, width: int) -> ImageHWC:
    strip = _blank_paper(_LINE_HEIGHT + 2, width + _GAP)
    _draw_text(strip, text, (2, _LINE_HEIGHT - 5))
    return strip


def _draw_text(sheet: ImageHWC, text: str, origin: tuple[int, int]) -> None:
    cv2.putText(sheet, text, origin, _FONT, _TEXT_SCALE, INK, 1, cv2.LINE_AA)


def _text_width(text: str) -> int:
    (width, _), _ = cv2.getTextSize(text, _FONT, _TEXT_SCALE, 1)
    return int(width)
