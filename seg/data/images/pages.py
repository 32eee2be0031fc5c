"""Files that hold several images: animations and stacks, of which one image would be read without a word."""

from contextlib import suppress
from typing import Final

from PIL.ImageFile import ImageFile
from PIL.TiffImagePlugin import TiffImageFile

from seg.data.images.image_header import damage_as_value_error, tiff_pages

_SUBFILE, _WIDTH, _HEIGHT = 254, 256, 257
_REDUCED: Final = 1
_MASK: Final = 4


def refuse_several_images(image: ImageFile, data: bytes) -> None:
    """Raise ValueError for an animation, or for a TIFF with several pages of one size.

    Smaller pages are thumbnails or the levels of a pyramid. Pages that are marked as masks are no images.
    """
    if isinstance(image, TiffImageFile):
        several = False
        with suppress(ValueError):  # Pages behind the first need not be right.
            several = damage_as_value_error(lambda: _has_page_of_same_size(data))
    else:
        several = bool(getattr(image, "is_animated", False))
    if several:
        raise ValueError("has several images, and one is read of a file: save each as a file of its own")


def _has_page_of_same_size(data: bytes) -> bool:
    first, *others = tiff_pages(data)
    return any(
        (tags.get(_WIDTH), tags.get(_HEIGHT)) == (first.get(_WIDTH), first.get(_HEIGHT))
        and not int(tags.get(_SUBFILE, 0)) & (_REDUCED | _MASK)
        for tags in others
    )
