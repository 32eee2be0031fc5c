"""Label maps: one uint8 per pixel, a class's position in the class list or the ignore index."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

IGNORE_INDEX: Final = 255
"""The label of pixels that losses and metrics ignore."""

MAX_CLASSES: Final = IGNORE_INDEX
"""A label map has one byte per pixel, and the last value is the ignore index."""

ImageHWC = NDArray[np.uint8]
"""An RGB image, uint8 `[H, W, 3]`."""

LabelsHW = NDArray[np.uint8]
"""A label map, uint8 `[H, W]`."""

ProbabilitiesCHW = NDArray[np.float32]
"""Class probabilities, float32 `[C, H, W]`, which sum to 1 over C."""
