"""The size that an image's header claims, read before a pixel is decoded.

A file of a few kilobytes can claim a picture of gigabytes. Whoever decodes what strangers send looks
here first. Sources: ISO/IEC 10918-1 (JPEG), ISO/IEC 15948 (PNG), RFC 9649 (WebP), TIFF 6.0, BITMAPINFOHEADER.
"""

import struct
from collections.abc import Callable
from typing import Final

Size = tuple[int, int]
"""Height and width."""

_FRAME_MARKERS: Final = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_START_OF_SCAN: Final = 0xDA
_FILL: Final = 0xFF

_TIFF_SHORT: Final = 3
_TIFF_SIDES: Final = {256: "width", 257: "height", 322: "tile width", 323: "tile height"}

_OLD_BMP_HEADER: Final = 12


def claimed_size(data: bytes) -> Size:
    """Height and width of the picture that a file claims to be, before any EXIF turn.

    Of a TIFF in tiles it is at least one tile, since that is decoded whole.

    Raises:
        ValueError: the file is of no kind that is read here, or its header is cut off or claims no pixel;
            the message says so, without the file's name.
    """
    for signature, read in _READERS.items():
        if data.startswith(signature):
            try:
                height, width = read(data)
            except struct.error as error:
                raise ValueError("is cut off: its header is not whole") from error
            if min(height, width) < 1:
                raise ValueError("is damaged: its header claims no pixel")
            return height, width
    raise ValueError("is no PNG, JPEG, WebP, BMP or TIFF")


def _png(data: bytes) -> Size:
    width, height = struct.unpack_from(">II", data, 16)
    return height, width


def _jpeg(data: bytes) -> Size:
    place = 2
    while True:
        start, marker = struct.unpack_from(">BB", data, place)
        if start != _FILL or marker == _START_OF_SCAN:
            raise ValueError("is damaged: the JPEG has no frame before its first scan")
        if marker in _FRAME_MARKERS:
            height, width = struct.unpack_from(">HH", data, place + 5)
            return height, width
        place += 1 if marker == _FILL else 2 + int(struct.unpack_from(">H", data, place + 2)[0])


def _webp(data: bytes) -> Size:
    kind = data[8:16]
    if kind == b"WEBPVP8X":
        low = struct.unpack_from("<BHBH", data, 24)
        width, height = (low[0] | (low[1] << 8)) + 1, (low[2] | (low[3] << 8)) + 1
    elif kind == b"WEBPVP8L":
        (bits,) = struct.unpack_from("<I", data, 21)
        width, height = (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
    elif kind == b"WEBPVP8 ":
        width, height = (side & 0x3FFF for side in struct.unpack_from("<HH", data, 26))
    else:
        raise ValueError("is no PNG, JPEG, WebP, BMP or TIFF")
    return height, width


def _bmp(data: bytes) -> Size:
    (header,) = struct.unpack_from("<I", data, 14)
    width, height = struct.unpack_from("<HH" if header == _OLD_BMP_HEADER else "<ii", data, 18)
    return abs(height), abs(width)


def _tiff(data: bytes) -> Size:
    order = "<" if data.startswith(b"II") else ">"
    (directory,) = struct.unpack_from(f"{order}I", data, 4)
    (count,) = struct.unpack_from(f"{order}H", data, directory)
    sides = dict.fromkeys(_TIFF_SIDES.values(), 0)
    for place in range(directory + 2, directory + 2 + 12 * count, 12):
        tag, kind = struct.unpack_from(f"{order}HH", data, place)
        if tag in _TIFF_SIDES:
            number = f"{order}H" if kind == _TIFF_SHORT else f"{order}I"
            (sides[_TIFF_SIDES[tag]],) = struct.unpack_from(number, data, place + 8)
    if not (sides["height"] and sides["width"]):
        return 0, 0
    return max(sides["height"], sides["tile height"]), max(sides["width"], sides["tile width"])


_READERS: Final[dict[bytes, Callable[[bytes], Size]]] = {
    b"\x89PNG\r\n\x1a\n": _png,
    b"\xff\xd8\xff": _jpeg,
    b"RIFF": _webp,
    b"BM": _bmp,
    b"II*\0": _tiff,
    b"MM\0*": _tiff,
}
