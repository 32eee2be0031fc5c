"""Image ids in COCO's formats.

With a COCO JSON an image has its number there. Without one, an id that is written as a number (`12`, but not
`012`) is that number, and any other id is text, so that no two images get the same id.
"""

import re
from collections.abc import Sequence
from typing import Any, Final

from seg.data import Sample
from seg.errors import DataError

CocoId = int | str

_NUMBER: Final = re.compile(r"0|[1-9][0-9]{0,14}")
"""At most 15 digits, which any JSON reader represents exactly."""


class CocoIds:
    """Maps image ids to COCO ids and back."""

    def __init__(self, samples: Sequence[Sample]) -> None:
        """Raises DataError if there is a COCO JSON without one of the images."""
        self._in_json = {s.id: s.coco_id for s in samples if s.coco_id is not None}
        self._image_of = {coco_id: image_id for image_id, coco_id in self._in_json.items()}
        if self._in_json:
            missing = next((s.id for s in samples if s.coco_id is None), None)
            if missing is not None:
                raise DataError(f"{missing!r} is not in the dataset's COCO JSON: add it, or remove the image")

    def to_coco(self, image_id: str) -> CocoId:
        if self._in_json:
            return self._in_json[image_id]
        return int(image_id) if _NUMBER.fullmatch(image_id) else image_id

    def to_image(self, place: str, coco_id: CocoId) -> str:
        """The id of the image; raises DataError if the JSON has no image of that number."""
        if not self._in_json:
            return str(coco_id)
        image_id = self._image_of.get(coco_id) if isinstance(coco_id, int) else None
        if image_id is None:
            raise DataError(f"{place}: image_id {coco_id!r} is not in the dataset's COCO JSON")
        return image_id


def is_coco_id(value: Any) -> bool:
    return isinstance(value, int | str) and not isinstance(value, bool)
