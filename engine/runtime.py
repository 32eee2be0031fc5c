"""What every runtime can do: run a batch on a loaded model, and describe itself."""

from abc import ABC, abstractmethod

import numpy as np
from numpy.typing import NDArray

ImagesNHWC = NDArray[np.uint8]
"""RGB images of one size, uint8 `[N, H, W, 3]`."""

ProbabilitiesNCHW = NDArray[np.float32]
"""Class probabilities, float32 `[N, C, H, W]`."""


class Runtime(ABC):
    """A model, loaded and ready on its device."""

    def run(self, images_nhwc: ImagesNHWC) -> ProbabilitiesNCHW:
        """Probabilities of a batch.

        Raises:
            ValueError: the batch is not uint8 `[N, H, W, 3]`.
        """
        if images_nhwc.dtype != np.uint8 or images_nhwc.ndim != 4 or images_nhwc.shape[3] != 3:
            raise ValueError(f"expected uint8 [N, H, W, 3], received {images_nhwc.dtype} {images_nhwc.shape}")
        return self._infer(images_nhwc)

    @abstractmethod
    def _infer(self, images_nhwc: ImagesNHWC) -> ProbabilitiesNCHW: ...

    @abstractmethod
    def describe(self) -> str:
        """The runtime, its version and its device, in a few words."""
