"""Just enough of the image containers to see that a file is whole, and a palette's indexes.

OpenCV decodes the top of a file that was cut off and fills the rest with grey, without an error.
Sources: ISO/IEC 10918-1 (JPEG), ISO/IEC 15948 (PNG), RFC 9649 (WebP).
"""

import struct
import zlib
from collections.abc import Iterator
from typing import Final

_JPEG: Final = b"\xff\xd8\xff"
_PNG: Final = b"\x89PNG\r\n\x1a\n"
_START_OF_SCAN: Final = 0xDA
_END_OF_IMAGE: Final = b"\xff\xd9"
_GREYSCALE, _PALETTE = 0, 3


def what_is_cut_off(data: bytes) -> str | None:
    """What an image file lacks at its end, or None if nothing is known to be missing."""
    if data.startswith(_JPEG) and not _jpeg_is_whole(data):
        return "the JPEG has no end marker"
    if data.startswith(_PNG) and b"IEND" not in {kind for kind, _ in _png_chunks(data)}:
        return "the PNG has no end chunk"
    claimed = 0
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        claimed = 8 + int.from_bytes(data[4:8], "little")
    elif data[:2] == b"BM" and len(data) >= 6:
        claimed = int.from_bytes(data[2:6], "little")
    return f"{len(data)} of {claimed} bytes are there" if len(data) < claimed else None


def as_greyscale_png(data: bytes) -> tuple[bytes, int]:
    """The same PNG with a palette's indexes as grey values, and the bits a pixel.

    The pixel data of a palette PNG are its indexes, so a header that says greyscale and no palette
    is all it takes. Any other file comes back as it is, with 8 bits.
    """
    if not data.startswith(_PNG):
        return data, 8
    chunks = list(_png_chunks(data))
    width_height_bits_kind = struct.unpack_from(">IIBB", chunks[0][1])
    bits, kind = width_height_bits_kind[2:]
    if kind == _GREYSCALE and bits < 8:
        return data, bits
    if kind != _PALETTE:
        return data, 8
    header = chunks[0][1][:9] + bytes([_GREYSCALE]) + chunks[0][1][10:]
    kept = [(b"IHDR", header)] + [c for c in chunks[1:] if c[0] in {b"IDAT", b"IEND"}]
    return _PNG + b"".join(_png_chunk(*chunk) for chunk in kept), bits


def _jpeg_is_whole(data: bytes) -> bool:
    """Whether an end marker follows the first scan; a thumbnail in the header has its own."""
    place = 2
    while place + 4 <= len(data) and data[place] == 0xFF:
        marker = data[place + 1]
        if marker == _START_OF_SCAN:
            return data.find(_END_OF_IMAGE, place) != -1
        place += 2 + int.from_bytes(data[place + 2 : place + 4], "big")
    return False


def _png_chunks(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    place = len(_PNG)
    while place + 12 <= len(data):
        length = int.from_bytes(data[place : place + 4], "big")
        end = place + 12 + length
        if end > len(data):
            return
        yield data[place + 4 : place + 8], data[place + 8 : end - 4]
        place = end


def _png_chunk(kind: bytes, body: bytes) -> bytes:
    checksum = zlib.crc32(kind + body)
    return len(body).to_bytes(4, "big") + kind + body + checksum.to_bytes(4, "big")
