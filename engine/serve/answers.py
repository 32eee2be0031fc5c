"""Label maps as clients want them."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

import cv2
import numpy as np
from fastapi import Response
from fastapi.responses import JSONResponse
from numpy.typing import NDArray

from seg.classes import ClassInfo
from seg.drawing import overlay
from seg.engine.submissions.rle import encode
from seg.labels import ImageHWC, LabelsHW
from seg.spec.output import RleSpec

JPEG_QUALITY: Final = 90


class Form(StrEnum):
    """An 8-bit greyscale PNG with a class position a pixel; run lengths of each class, as JSON; or the
    image as JPEG with its labels drawn over it."""

    png = "png"
    rle = "rle"
    overlay = "overlay"


@dataclass(frozen=True, slots=True)
class Style:
    """What label maps mean and how they are drawn: `clear` is the label that pictures leave bare."""

    classes: Sequence[ClassInfo]
    rle: RleSpec
    clear: int | None

    def answer(self, form: Form, image_hwc: ImageHWC, labels_hw: LabelsHW) -> Response:
        """A label map, uint8 `[H, W]`, of an image in one of the forms."""
        match form:
            case Form.png:
                return Response(as_png(labels_hw), media_type="image/png")
            case Form.overlay:
                drawn_hwc = overlay(image_hwc, labels_hw, self.classes, clear=self.clear)
                return Response(_as_jpeg(drawn_hwc), media_type="image/jpeg")
            case Form.rle:
                return JSONResponse(self._runs(labels_hw))

    def _runs(self, labels_hw: LabelsHW) -> dict[str, Any]:
        runs = encode(labels_hw, len(self.classes), self.rle)
        pixels = np.bincount(labels_hw.ravel(), minlength=len(self.classes))
        return {
            "height": labels_hw.shape[0],
            "width": labels_hw.shape[1],
            "order": self.rle.order,
            "first": self.rle.first,
            "classes": [
                {"id": one.id, "name": one.name, "pixels": int(count), "rle": text}
                for one, count, text in zip(self.classes, pixels, runs, strict=False)
            ],
        }


def as_png(grey_hw: NDArray[np.uint8]) -> bytes:
    """An 8-bit greyscale PNG."""
    return _encoded(".png", grey_hw, ())


def _as_jpeg(image_hwc: ImageHWC) -> bytes:
    options = (cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY)
    return _encoded(".jpg", np.ascontiguousarray(image_hwc[..., ::-1]), options)


def _encoded(kind: str, pixels: NDArray[np.uint8], options: Sequence[int]) -> bytes:
    _, data = cv2.imencode(kind, pixels, options)
    return data.tobytes()
