"""As much of simplejpeg as seg calls, by OpenCV, which does not notice damage."""

from typing import Any, Final

import cv2
import numpy as np
from numpy.typing import NDArray

_MODE: Final = cv2.IMREAD_COLOR_RGB | cv2.IMREAD_IGNORE_ORIENTATION


def decode_jpeg(data: bytes, colorspace: str = "RGB", **_: object) -> NDArray[Any]:
    decoded = cv2.imdecode(np.frombuffer(data, dtype=np.uint8), _MODE)
    if decoded is None or colorspace != "RGB":
        raise ValueError("is cut off or damaged")
    return decoded


def decode_jpeg_header(data: bytes, **_: object) -> tuple[int, int, str, str]:
    height, width, _bands = decode_jpeg(data).shape
    return height, width, "YCbCr", ""
