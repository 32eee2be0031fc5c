"""Views (test-time augmentations): the eight symmetries of the square, scales, and their inverses.

Symmetries are numpy views: an image is copied only into its batch, and a plane of probabilities only when
it is added.
"""

from dataclasses import dataclass
from typing import Any, Final, TypeVar

import cv2
import numpy as np
from numpy.typing import NDArray

from seg.image_type import ImageHWB
from seg.labels.label_map import ProbabilitiesCHW
from seg.views import SYMMETRIES, ViewName

Scalar = TypeVar("Scalar", bound=np.generic)
Plane = NDArray[np.float32]

_RGB: Final = 3
_MOST_RESIZED: Final = 4
"""The most bands that OpenCV resizes by area at once."""

_FLIP_CODES: Final = {(True, False): 0, (False, True): 1, (True, True): -1}


@dataclass(frozen=True, slots=True)
class View:
    """First the transpose, then the flips, then the scale. A view that transposes swaps height and width."""

    name: ViewName
    transposes: bool
    flips_rows: bool
    flips_columns: bool
    scale: float

    def apply(self, image_hwc: ImageHWB) -> ImageHWB:
        """The image in this view, `[H, W, B]` or, transposed, `[W, H, B]`; at a scale, resized."""
        turned = image_hwc.transpose(1, 0, 2) if self.transposes else image_hwc
        view: ImageHWB = turned[self._rows, self._columns]
        return view if self.scale == 1 else self._scaled(view)

    def fill(self, row_hwc: ImageHWB, image_hwc: ImageHWB) -> None:
        """Write the image in this view into its row of a batch, contiguous and of the view's size.

        The row may have wider pixels. OpenCV turns RGB faster than numpy, and does not turn many bands.
        """
        if self.scale != 1 or row_hwc.dtype != np.uint8 or row_hwc.shape[2] != _RGB:
            row_hwc[:] = self.apply(image_hwc)
            return
        turned_hwc = image_hwc
        if self.transposes:
            cv2.transpose(image_hwc, dst=row_hwc)
            turned_hwc = row_hwc
        if self.flips_rows or self.flips_columns:
            cv2.flip(turned_hwc, _FLIP_CODES[self.flips_rows, self.flips_columns], dst=row_hwc)
        elif not self.transposes:
            row_hwc[:] = image_hwc

    def invert(self, planes_hw: NDArray[Scalar]) -> NDArray[Scalar]:
        """A prediction for this view, `[..., H, W]`, in the image's orientation; not resized."""
        unflipped = planes_hw[..., self._rows, self._columns]
        return unflipped.swapaxes(-1, -2) if self.transposes else unflipped

    def restore_all(self, planes_chw: ProbabilitiesCHW, size_hw: tuple[int, int]) -> ProbabilitiesCHW:
        """A prediction for this view, `[C, H, W]`, in the image's orientation and size."""
        if self.scale == 1:
            return self.invert(planes_chw)
        spare_hw = np.empty(size_hw, dtype=np.float32)
        return np.stack([self.restore(plane_hw, spare_hw).copy() for plane_hw in planes_chw])

    def restore(self, plane_hw: Plane, spare_hw: Plane) -> Plane:
        """`restore_all` for one float32 plane. The result is contiguous: the plane itself, or `spare_hw`.

        `spare_hw` has the size of the image, to which a scaled plane is resized bilinearly. OpenCV's
        copies are vectorised; numpy's are not.
        """
        if self.scale != 1:
            height, width = spare_hw.shape[::-1] if self.transposes else spare_hw.shape
            plane_hw = np.asarray(cv2.resize(plane_hw, (width, height)), dtype=np.float32)
        unflipped_hw = plane_hw
        if self.flips_rows or self.flips_columns:
            unflipped_hw = np.empty_like(plane_hw) if self.transposes else spare_hw
            cv2.flip(plane_hw, _FLIP_CODES[self.flips_rows, self.flips_columns], dst=unflipped_hw)
        if not self.transposes:
            return unflipped_hw
        cv2.transpose(unflipped_hw, dst=spare_hw)
        return spare_hw

    def size(self, size_hw: tuple[int, int]) -> tuple[int, int]:
        """Height and width of an image of size `size_hw` in this view."""
        height, width = size_hw[::-1] if self.transposes else size_hw
        if self.scale == 1:
            return height, width
        return max(1, round(height * self.scale)), max(1, round(width * self.scale))

    def _scaled(self, image_hwc: ImageHWB) -> ImageHWB:
        height, width = image_hwc.shape[:2]
        size = max(1, round(width * self.scale)), max(1, round(height * self.scale))
        method = cv2.INTER_AREA if self.scale < 1 else cv2.INTER_LINEAR
        return resize_bands(image_hwc, size, method)

    @property
    def _rows(self) -> Any:
        return slice(None, None, -1) if self.flips_rows else slice(None)

    @property
    def _columns(self) -> Any:
        return slice(None, None, -1) if self.flips_columns else slice(None)


def resize_bands(image_hwb: ImageHWB, size_wh: tuple[int, int], method: int) -> ImageHWB:
    """An image of any bands, resized by one of OpenCV's methods to a width and height."""
    if image_hwb.shape[2] > _MOST_RESIZED:
        bands = (np.ascontiguousarray(image_hwb[..., band]) for band in range(image_hwb.shape[2]))
        return np.dstack([cv2.resize(band, size_wh, interpolation=method) for band in bands])
    resized = cv2.resize(np.ascontiguousarray(image_hwb), size_wh, interpolation=method)
    # OpenCV drops the axis of a single band.
    return resized.reshape(size_wh[1], size_wh[0], -1).astype(image_hwb.dtype, copy=False)


VIEWS: Final[dict[ViewName, View]] = {name: View(name, *symmetry) for name, symmetry in SYMMETRIES.items()}
