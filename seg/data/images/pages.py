"""Files that hold several images: animations and stacks, of which one image would be read without a word."""

from typing import Final

from PIL.ImageFile import ImageFile
from PIL.TiffImagePlugin import TiffImageFile

from seg.data.images.image_header import damage_as_value_error

_SUBFILE: Final = 254
_REDUCED: Final = 1
_MASK: Final = 4
_MOST_PAGES: Final = 32
"""A pyramid has fewer: each of its pages has half the sides of the one before."""


def refuse_several_images(image: ImageFile) -> None:
    """Raise ValueError for an animation, or for a TIFF with several pages of one size.

    Smaller pages are thumbnails or the levels of a pyramid. Pages that are marked as masks are no images.
    """
    if isinstance(image, TiffImageFile):
        several = damage_as_value_error(lambda: _has_another_page(image))
    else:
        several = bool(getattr(image, "is_animated", False))
    if several:
        raise ValueError("has several images, and one is read of a file: save each as a file of its own")


def _has_another_page(image: TiffImageFile) -> bool:
    """Whether a page after the first has its size and is an image; the first page is current afterwards."""
    size = image.size
    try:
        for page in range(1, _MOST_PAGES):
            image.seek(page)
            kind = int(image.tag_v2.get(_SUBFILE, 0))
            if image.size == size and not kind & (_REDUCED | _MASK):
                return True
    except EOFError:
        return False
    finally:
        image.seek(0)
    return False
