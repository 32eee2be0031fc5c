"""Image headers: size, depth and bands, checked before memory is allocated for pixels.

A file of a few kilobytes can claim gigabytes of pixels, and some images have more than 8 bits or other bands
than red, green and blue.
"""

import logging
import re
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from io import BytesIO
from typing import Final, TypeVar

import simplejpeg
from PIL.BmpImagePlugin import BmpImageFile
from PIL.ImageFile import ImageFile
from PIL.JpegImagePlugin import JpegImageFile
from PIL.PngImagePlugin import PngImageFile
from PIL.TiffImagePlugin import ImageFileDirectory_v2, TiffImageFile
from PIL.WebPImagePlugin import WebPImageFile

from seg.terminal.words import pluralise

Size = tuple[int, int]
"""Height and width."""

T = TypeVar("T")

MOST_PIXELS: Final = 2**28
"""Pixels of the largest image that is decoded whole: 0.8 GB, and three times that while it is decoded."""

ODD_SUBSAMPLING: Final = "Could not determine subsampling"
"""simplejpeg's message for rare JPEGs, which are decoded by Pillow."""

_JPEG: Final = b"\xff\xd8\xff"
_PNG: Final = b"\x89PNG\r\n\x1a\n"
_PNG_CHUNK: Final = 12
"""Bytes of a chunk beside its data: length, type and checksum."""

_NO_PIXELS: Final = frozenset({b"tEXt", b"zTXt", b"iTXt", b"iCCP"})
_MOST_PARTS: Final = 10_000
"""Chunks or segments before or beside the pixels; Pillow reads each in Python."""

_FILL: Final = re.compile(rb"\xff+")
_WITHOUT_LENGTH: Final = frozenset({0x01, *range(0xD0, 0xDA)})
"""JPEG markers that nothing belongs to."""
_SCAN: Final = 0xDA
"""The JPEG marker behind which the pixels begin."""

_KINDS: Final[Mapping[bytes, type[ImageFile]]] = {
    _PNG: PngImageFile,
    _JPEG: JpegImageFile,
    b"RIFF": WebPImageFile,
    b"BM": BmpImageFile,
    b"II*\0": TiffImageFile,
    b"MM\0*": TiffImageFile,
    b"II+\0": TiffImageFile,
    b"MM\0+": TiffImageFile,
}

_BIG_TIFF: Final = 43
_MOST_PAGES: Final = 32
"""A pyramid has fewer: each of its levels has half the sides of the one before."""

_BITS, _PHOTOMETRIC, _SAMPLES, _EXTRA_SAMPLES, _SAMPLE_FORMAT = 258, 262, 277, 338, 339
_SAMPLE_NAMES: Final = {2: "signed ", 3: "floating-point ", 5: "complex ", 6: "complex "}
_NO_ALPHA: Final = 0
_INKS: Final = 5
_TILE_WIDTH, _TILE_HEIGHT = 322, 323


class LostBandsError(ValueError):
    """An image of more than 8 bits of grey or of red, green and blue. `bands` says what it has."""

    def __init__(self, bands: str) -> None:
        self.bands = bands
        super().__init__(
            f"has {bands}, and 8 bits of grey or of red, green and blue are read: give the dataset a 'range',"
            " or scale it to 0..255 and save it with 8 bits"
        )


def image_size(data: bytes) -> Size:
    """Height and width according to the header, before the EXIF orientation is applied.

    Raises:
        ValueError: the format is not supported, or the header is truncated or damaged; the message does not
            have the file's name.
    """
    if is_jpeg(data):
        return _jpeg_size(data)
    return size_of_header(open_image(data))


def size_of_header(image: ImageFile) -> Size:
    """Height and width of an opened image; for a tiled TIFF at least those of a tile, decoded whole."""
    if isinstance(image, TiffImageFile):
        tile_height, tile_width = (int(image.tag_v2.get(tag, 0)) for tag in (_TILE_HEIGHT, _TILE_WIDTH))
        return max(image.height, tile_height), max(image.width, tile_width)
    return image.height, image.width


def open_image(data: bytes) -> ImageFile:
    """Open an image without decoding its pixels.

    Pillow's warnings about odd metadata are silenced in the whole process, as they do not concern pixels.

    Raises:
        ValueError: as for `image_size`.
        LostBandsError: the image has bands or depth that would be lost.
    """
    warnings.filterwarnings("ignore", module=r"PIL\.")
    logging.getLogger("PIL").setLevel(logging.CRITICAL)
    kind = next((kind for signature, kind in _KINDS.items() if data.startswith(signature)), None)
    if kind is None:
        raise ValueError("is not a PNG, JPEG, WebP, BMP or TIFF")
    is_tiff = kind is TiffImageFile
    deep = _deep_tiff(damage_as_value_error(lambda: next(tiff_pages(data)))) if is_tiff else ""
    if deep:
        raise LostBandsError(deep + _deep_band_with_values(kind, data))
    if kind is PngImageFile:
        data = without_text(data)
    elif kind is JpegImageFile:
        data = without_fill_bytes(data)
    image = damage_as_value_error(lambda: kind(BytesIO(data)))
    if isinstance(image, PngImageFile) and ";16" in str(image.tile[0].args):
        raise LostBandsError(
            f"{pluralise(len(image.getbands()), 'band')} of 16 bits{_deep_band_with_values(kind, data)}"
        )
    return image


def is_jpeg(data: bytes) -> bool:
    return data.startswith(_JPEG)


def without_text(png: bytes) -> bytes:
    """A PNG without its texts and its colour profile, on which no pixel depends.

    Compressed ones may unpack to any size, and Pillow refuses the whole image for it.

    Raises:
        ValueError: it has too many chunks beside its pixels.
    """
    kept, others, place = [png[: len(_PNG)]], 0, len(_PNG)
    while place < len(png):
        end = place + _PNG_CHUNK + int.from_bytes(png[place : place + 4])
        kind = png[place + 4 : place + 8]
        if kind not in _NO_PIXELS:
            kept.append(png[place:end])
            others += kind != b"IDAT"
        if others > _MOST_PARTS:
            raise ValueError(f"has more than {_MOST_PARTS} chunks beside its pixels: save it again")
        place = end
    return b"".join(kept)


def without_fill_bytes(jpeg: bytes) -> bytes:
    """A JPEG without the fill bytes before its markers, which Pillow reads one by one.

    Source: ITU-T T.81, B.1.1.2.

    Raises:
        ValueError: its segments are cut off, damaged, or too many.
    """
    kept, place = [jpeg[:2]], 2
    while fill := _FILL.match(jpeg, place):
        marker = fill.end()
        if marker + 3 > len(jpeg):
            break
        if jpeg[marker] == _SCAN:
            return b"".join([*kept, jpeg[marker - 1 :]])
        has_length = jpeg[marker] not in _WITHOUT_LENGTH
        place = marker + 1 + (int.from_bytes(jpeg[marker + 1 : marker + 3]) if has_length else 0)
        kept.append(jpeg[marker - 1 : place])
        if len(kept) > _MOST_PARTS:
            raise ValueError(f"has more than {_MOST_PARTS} segments before its pixels: save it again")
    raise ValueError("is cut off or damaged: its pixels are not found")


def is_deep_grey_png(data: bytes) -> bool:
    """Whether a file claims to be a greyscale PNG of 16 bits. Source: PNG specification, section 11.2.1."""
    return is_deep_png(data) and data[25:26] == b"\x00"


def is_deep_png(data: bytes) -> bool:
    """Whether a file claims to be a PNG of 16 bits."""
    return data.startswith(_PNG) and data[24:25] == b"\x10"


def refuse_too_many_pixels(size_hw: Size) -> None:
    """Raise ValueError if an image has more than `MOST_PIXELS`."""
    height, width = size_hw
    if height * width > MOST_PIXELS:
        raise ValueError(
            f"is {width}x{height}, {height * width / 1e6:.0f} million pixels, and images of"
            f" {MOST_PIXELS / 1e6:.0f} million at most are decoded: cut it into tiles"
        )


def damage_as_value_error(read: Callable[[], T]) -> T:
    """Call a decoder, and raise a ValueError of one line for any exception of it."""
    try:
        return read()
    # Parsers can raise anything for hostile bytes.
    except Exception as error:
        in_plain_words = isinstance(error, OSError | SyntaxError | ValueError) and error.__cause__ is None
        words = f": {error}".splitlines()[0] if in_plain_words else ""
        raise ValueError(f"is cut off or damaged{words}") from error


def _jpeg_size(data: bytes) -> Size:
    """The size as simplejpeg reads it."""
    try:
        height, width, *_ = simplejpeg.decode_jpeg_header(data)
    except ValueError as error:
        if ODD_SUBSAMPLING in str(error):
            return size_of_header(open_image(data))
        raise ValueError(f"is cut off or damaged: {error}") from error
    return height, width


def tiff_pages(data: bytes) -> Iterator[ImageFileDirectory_v2]:
    """The tags of each page of a TIFF, at least of the first; Pillow raises anything if they are damaged."""
    header = data[:16] if _BIG_TIFF in data[2:4] else data[:8]
    stream = BytesIO(data)
    place = ImageFileDirectory_v2(header).next
    for _ in range(_MOST_PAGES):
        tags = ImageFileDirectory_v2(header)
        stream.seek(place)
        tags.load(stream)
        yield tags
        place = tags.next
        if not place:
            return


def _deep_tiff(tags: ImageFileDirectory_v2) -> str:
    """A description of a TIFF's bands if they are not 8 bits of grey or RGB; else empty.

    A fourth band is alpha if the file declares it, and black if the others are inks.
    """
    bands, bits = tags.get(_SAMPLES, 1), max(tags.get(_BITS, (1,)))
    sample = _SAMPLE_NAMES.get(tags.get(_SAMPLE_FORMAT, (1,))[0], "")
    extra = tags.get(_EXTRA_SAMPLES, ())
    colours = bands - (len(extra) == 1 and extra[0] != _NO_ALPHA)
    inks = tags.get(_PHOTOMETRIC) == _INKS
    if bits <= 8 and not sample and colours in ({4} if inks else {1, 3}):
        return ""
    return f"{pluralise(bands, 'band')} of {bits} {sample}bits"


def _deep_band_with_values(kind: type[ImageFile], data: bytes) -> str:
    """The smallest and largest value of an image with one deep band; empty if they cannot be determined."""
    with suppress(Exception):
        image = kind(BytesIO(data))
        refuse_too_many_pixels((image.height, image.width))
        low, high = image.getextrema()
        if isinstance(low, int | float) and isinstance(high, int | float) and image.mode[0] in "IF":
            return f" with values {low:g}..{high:g}"
    return ""
