"""Just enough of the image containers to see that a file is whole, and to spare its decoder trouble.

OpenCV decodes the top of a file that was cut off and fills the rest with grey, without an error, and
its libraries write to stderr whatever they dislike about an image's metadata.
Sources: ISO/IEC 10918-1 (JPEG), ISO/IEC 15948 (PNG), RFC 9649 (WebP), TIFF 6.0.
"""

import struct
import zlib
from collections.abc import Iterable, Iterator
from typing import Final

_JPEG: Final = b"\xff\xd8\xff"
_START_OF_SCAN: Final = 0xDA
_END_OF_IMAGE: Final = b"\xff\xd9"
_FILL: Final = 0xFF

_PNG: Final = b"\x89PNG\r\n\x1a\n"
_NEEDED: Final = frozenset({b"IHDR", b"PLTE", b"IDAT", b"IEND", b"eXIf"})
_HEADER_BYTES: Final = 13
_GREYSCALE, _PALETTE = 0, 3

_TIFF_ORDERS: Final = {b"II*\0": "<", b"MM\0*": ">"}
_EXTRA_SAMPLES: Final = 338
_UNASSOCIATED_ALPHA, _ASSOCIATED_ALPHA = 2, 1

Chunk = tuple[bytes, bytes]


def for_decoder(data: bytes) -> bytes:
    """The file as OpenCV decodes it to the right colours, without a word on stderr.

    Raises:
        ValueError: the file is cut off or damaged; the message says so, without the file's name.
    """
    if data.startswith(_PNG):
        return _png(_png_chunks(data))
    if data.startswith(_JPEG):
        _refuse_cut_off_jpeg(data)
    elif data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        _refuse_fewer_bytes(data, 8 + int.from_bytes(data[4:8], "little"))
    elif data[:2] == b"BM":
        _refuse_fewer_bytes(data, int.from_bytes(data[2:6], "little"))
    elif data[:4] in _TIFF_ORDERS:
        return _with_alpha_left_alone(data)
    return data


def for_index_decoder(data: bytes) -> tuple[bytes, int]:
    """The file with a palette PNG's indexes as grey values, and the bits a pixel.

    The pixel data of a palette PNG are its indexes, so a header that says greyscale and no palette
    is all it takes. Raises ValueError as `for_decoder` does.
    """
    if not data.startswith(_PNG):
        return for_decoder(data), 8
    (_, header), *rest = _png_chunks(data)
    bits, kind = header[8], header[9]
    if kind != _PALETTE:
        return _png([(b"IHDR", header), *rest]), bits if kind == _GREYSCALE else 8
    grey_header = header[:9] + bytes([_GREYSCALE]) + header[10:]
    return _png([(b"IHDR", grey_header), *(chunk for chunk in rest if chunk[0] != b"PLTE")]), bits


def _refuse_fewer_bytes(data: bytes, claimed: int) -> None:
    if len(data) < claimed:
        raise ValueError(f"is cut off: {len(data)} of {claimed} bytes are there")


def _refuse_cut_off_jpeg(data: bytes) -> None:
    """Look for the end marker after the first scan: a thumbnail in the header has one of its own."""
    place = 2
    while place + 4 <= len(data) and data[place] == 0xFF:
        marker = data[place + 1]
        if marker == _START_OF_SCAN and data.find(_END_OF_IMAGE, place) != -1:
            return
        place += 1 if marker == _FILL else 2 + int.from_bytes(data[place + 2 : place + 4], "big")
    raise ValueError("is cut off: the JPEG has no end marker")


def _png_chunks(data: bytes) -> list[Chunk]:
    """The header, and what else the pixels and their orientation depend on."""
    chunks = list(_checked_png_chunks(data))
    if not chunks or chunks[0][0] != b"IHDR" or len(chunks[0][1]) != _HEADER_BYTES:
        raise ValueError("is damaged: the PNG does not begin with its header")
    return chunks


def _checked_png_chunks(data: bytes) -> Iterator[Chunk]:
    place = len(_PNG)
    while place + 12 <= len(data):
        end = place + 12 + int.from_bytes(data[place : place + 4], "big")
        if end > len(data):
            break
        kind, body = data[place + 4 : place + 8], data[place + 8 : end - 4]
        if kind in _NEEDED:
            if zlib.crc32(data[place + 4 : end - 4]) != int.from_bytes(data[end - 4 : end], "big"):
                raise ValueError(f"is damaged: a checksum is wrong (chunk {kind.decode()})")
            yield kind, body
        if kind == b"IEND":
            return
        place = end
    raise ValueError("is cut off: the PNG has no end chunk")


def _png(chunks: Iterable[Chunk]) -> bytes:
    def encoded(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    return _PNG + b"".join(encoded(kind, body) for kind, body in chunks)


def _with_alpha_left_alone(data: bytes) -> bytes:
    """Say that the colours are multiplied by alpha already, so that libtiff does not darken them."""
    order = _TIFF_ORDERS[data[:4]]
    try:
        (directory,) = struct.unpack_from(f"{order}I", data, 4)
        (count,) = struct.unpack_from(f"{order}H", data, directory)
        for place in range(directory + 2, directory + 2 + 12 * count, 12):
            tag, _, _, value = struct.unpack_from(f"{order}HHIH", data, place)
            if (tag, value) == (_EXTRA_SAMPLES, _UNASSOCIATED_ALPHA):
                alpha = struct.pack(f"{order}H", _ASSOCIATED_ALPHA)
                return data[: place + 8] + alpha + data[place + 10 :]
    except struct.error as error:
        raise ValueError("is cut off: the TIFF's directory is not there") from error
    return data
