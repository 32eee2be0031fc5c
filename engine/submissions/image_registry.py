"""Checks of the images of a submission that is read: each is known, unique and has the expected size."""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from seg.engine.passes.passes import Size
from seg.engine.submissions.base import SizeOf
from seg.errors import DataError


@dataclass(slots=True)
class ImageRegistry:
    """The images that were read so far, and their places in the submission."""

    size_of: SizeOf
    _place_of: dict[str, str] = field(default_factory=dict)

    def register(self, place: str, image_id: str) -> Size:
        """Register the image at `place` and return its expected size.

        Raises:
            DataError: the image is duplicate or unknown; names the place.
        """
        if image_id in self._place_of:
            raise DataError(
                f"{place}: the image {image_id!r} is duplicate ({self._place_of[image_id]}):"
                " keep one, or put the rows of an image together"
            )
        self._place_of[image_id] = place
        try:
            return self.size_of(image_id)
        except DataError as error:
            raise DataError(f"{place}: {error}") from error

    def check_size(self, place: str, labels_hw: NDArray[np.generic], size_hw: Size) -> None:
        if labels_hw.shape != tuple(size_hw):
            found, wanted = ("x".join(map(str, size)) for size in (labels_hw.shape, size_hw))
            raise DataError(
                f"{place}: has {found} pixels, but the label map of its image {wanted} (height x width)"
            )
