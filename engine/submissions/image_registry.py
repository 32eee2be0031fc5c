"""What holds for the images of every submission that is read: each is known, is there once, has its size."""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from seg.engine.passes.passes import Size
from seg.engine.submissions.base import SizeOf
from seg.errors import DataError


@dataclass(slots=True)
class SeenImages:
    """The images that a reader has met, and the places in the submission where it met them."""

    size_of: SizeOf
    _place_of: dict[str, str] = field(default_factory=dict)

    def size_hw(self, place: str, image_id: str) -> Size:
        """The size of an image that is met at `place`.

        Raises:
            DataError: it was met before, or is not known; names the place.
        """
        if image_id in self._place_of:
            raise DataError(
                f"{place}: the image {image_id!r} was there already ({self._place_of[image_id]}):"
                " keep one, or put the rows of an image together"
            )
        self._place_of[image_id] = place
        try:
            return self.size_of(image_id)
        except DataError as error:
            raise DataError(f"{place}: {error}") from error

    def refuse_other_size(self, place: str, labels_hw: NDArray[np.generic], size_hw: Size) -> None:
        if labels_hw.shape != tuple(size_hw):
            found, wanted = ("x".join(map(str, size)) for size in (labels_hw.shape, size_hw))
            raise DataError(
                f"{place}: has {found} pixels, and the label map of its image {wanted} (height x width)"
            )
