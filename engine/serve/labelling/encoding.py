"""Label maps as PNG, as run lengths, drawn over their image, or by the Open Inference Protocol."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import prod
from typing import Any, Final

import cv2
import numpy as np

from seg.data.deep.picture import picture_of
from seg.engine.serve import kserve_v2
from seg.engine.serve.labelling.messages import Result
from seg.engine.submissions.tables.rle import encode_rle, encode_rle_of_masks
from seg.image_type import ImageHWB
from seg.labels.classes import ClassInfo
from seg.labels.label_map import ImageHWC
from seg.labels.task import LabelMap, Task, classes_overlap, masks_of, split_label_bytes
from seg.pictures.drawing import draw_overlay
from seg.pixel_range import PixelRange
from seg.spec.ensemble.output import RleSpec

JPEG_QUALITY: Final = 90
_PNG_BYTES: Final = 2


Encoded = tuple[bytes, dict[str, str]]
"""A body with its headers."""

_BYTES_A_PIXEL: Final[dict[Result, int]] = {
    **{"png": 6, "overlay": 64, "rle": 96},
    **{"binary": 3, "json": 24},
}
"""What encoding takes at most: of run lengths where every pixel is a run. The page's is measured apart."""


def encoding_memory(result: Result, shape: Sequence[int], label_bytes: int = 1) -> int:
    """Bytes that encoding the label maps of images `[N, H, W, 3]` takes, with so many bytes a label."""
    return prod(shape[:3]) * _BYTES_A_PIXEL[result] * label_bytes


@dataclass(frozen=True, slots=True)
class LabelEncoder:
    """What label maps mean and how they are drawn.

    Attributes:
        clear: the label that pictures leave bare.
        name: what clients call the ensemble.
        task: what a pixel can be.
        pixel_range: by which images of bands are drawn.
    """

    classes: Sequence[ClassInfo]
    rle: RleSpec
    clear: int | None
    name: str
    task: Task
    pixel_range: PixelRange | None = None

    def encode(
        self, result: Result, request_id: str, image_hwb: ImageHWB, labels: Sequence[LabelMap]
    ) -> Encoded:
        """Label maps, `[H, W]`, in one of the forms; those of one image have one."""
        match result:
            case "png":
                return encode_label_png(labels[0]), {"Content-Type": "image/png"}
            case "overlay":
                image_hwc = image_hwb if self.pixel_range is None else picture_of(image_hwb, self.pixel_range)
                drawn_hwc = draw_overlay(image_hwc, labels[0], self.classes, clear=self.clear, task=self.task)
                return _encode_overlay_jpeg(drawn_hwc), {"Content-Type": "image/jpeg"}
            case "rle":
                return encode_json(self._runs(labels[0]))
            case "json" | "binary":
                return kserve_v2.infer_response(self.name, request_id, labels, binary=result == "binary")
            case "page":
                raise ValueError("the page shows more than labels")

    def _runs(self, labels_hw: LabelMap) -> dict[str, Any]:
        classes = len(self.classes)
        if classes_overlap(self.task):
            runs = encode_rle_of_masks(labels_hw, classes, self.rle)
            pixels = masks_of(labels_hw, self.task, classes).sum((1, 2))
        else:
            runs = encode_rle(labels_hw, classes, self.rle)
            pixels = np.bincount(labels_hw.ravel(), minlength=classes)
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


def encode_json(values: Mapping[str, Any]) -> Encoded:
    """An object as JSON."""
    text = json.dumps(values, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    return text.encode(), {"Content-Type": "application/json"}


def encode_label_png(grey_hw: LabelMap) -> bytes:
    """A greyscale PNG of 8 or 16 bits; of larger labels, `split_label_bytes`."""
    return _encode_image(
        ".png", grey_hw if grey_hw.itemsize <= _PNG_BYTES else split_label_bytes(grey_hw), ()
    )


def _encode_overlay_jpeg(image_hwc: ImageHWC) -> bytes:
    options = (cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY)
    return _encode_image(".jpg", np.ascontiguousarray(image_hwc[..., ::-1]), options)


def _encode_image(kind: str, pixels: LabelMap, options: Sequence[int]) -> bytes:
    _, data = cv2.imencode(kind, pixels, options)
    return data.tobytes()
