"""Masks that are damaged, of another type, or claim billions of pixels."""

import struct
import zlib
from collections.abc import Iterator, Mapping
from io import BytesIO
from typing import Final

import numpy as np

from tests.hostile.case import Case, both, file
from tests.hostile.labels.dataset import CHECK, CLASSES


def _npy(array: np.ndarray, *, pickled: bool = False) -> bytes:
    stream = BytesIO()
    np.save(stream, array, allow_pickle=pickled)
    return stream.getvalue()


def _npy_head(text: str) -> bytes:
    head = text.encode().ljust(117) + b"\n"
    return b"\x93NUMPY\x01\0" + struct.pack("<H", len(head)) + head


def _png_bomb() -> bytes:
    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    head = struct.pack(">IIBBBBB", 2**31 - 1, 2**31 - 1, 8, 0, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", head)
        + chunk(b"IDAT", zlib.compress(bytes(10**6)))
        + chunk(b"IEND", b"")
    )


MASKS: Final[Mapping[str, tuple[str, bytes]]] = {
    "nothing": (".png", b""),
    "text": (".png", b"hello"),
    "billions of pixels": (".png", _png_bomb()),
    "a GIF of a size": (
        ".gif",
        b"GIF89a\xff\xff\xff\xff\xf7\0\0" + bytes(768) + b",\0\0\0\0\xff\xff\xff\xff\0\x08",
    ),
    "a cut GIF": (".gif", b"GIF89a"),
    "a cut JPEG 2000": (".jp2", b"\0\0\0\x0cjP  \r\n\x87\n" + bytes(100)),
    "a codestream": (".jp2", b"\xff\x4f\xff\x51" + b"\xff" * 200),
    "a cut TIFF": (".tif", b"II*\0\x08\0\0\0\xff\xff" + bytes(100)),
    "an array of objects": (".npy", _npy(np.array([[{}]], dtype=object), pickled=True)),
    "an array of texts": (".npy", _npy(np.full((24, 18), "x"))),
    "an array of four axes": (".npy", _npy(np.zeros((1, 1, 24, 18), np.uint8))),
    "a number": (".npy", _npy(np.array(3))),
    "no pixel": (".npy", _npy(np.zeros((0, 0), np.uint8))),
    "NaN": (".npy", _npy(np.full((24, 18), np.nan))),
    "huge numbers": (".npy", _npy(np.full((24, 18), 1e300))),
    "the largest number": (".npy", _npy(np.full((24, 18), 2**64 - 1, np.uint64))),
    "negative numbers": (".npy", _npy(np.full((24, 18), -1))),
    "complex numbers": (".npy", _npy(np.full((24, 18), 1j))),
    "dates": (".npy", _npy(np.zeros((24, 18), "M8[s]"))),
    "records": (".npy", _npy(np.zeros((24, 18), [("a", "u1")]))),
    "an array of a huge size": (
        ".npy",
        _npy_head(f"{{'descr': '|u1', 'fortran_order': False, 'shape': ({2**40}, {2**20})}}"),
    ),
    "an array of a negative size": (
        ".npy",
        _npy_head("{'descr': '|u1', 'fortran_order': False, 'shape': (-1, 5)}"),
    ),
    "a head of code": (".npy", _npy_head("__import__('os').system('touch ran')")),
    "a nested head": (".npy", _npy_head("(" * 100)),
    "an array that is cut": (".npy", _npy(np.zeros((24, 18), np.uint8))[:200]),
    "a version beyond": (".npy", b"\x93NUMPY\x63\0" + bytes(100)),
}

FORMS: Final[Mapping[str, str]] = {
    "as it is": "to: 'm/{stem}SUFFIX'",
    "two classes": "to: 'm/{stem}SUFFIX', binary: 0",
    "near colours": "to: 'm/{stem}SUFFIX', tolerance: 9",
    "instances": "to: 'm/{stem}SUFFIX', divide: 1000",
    "of a class": "of_class: {paper: 'm/{stem}SUFFIX'}",
}


def cases() -> Iterator[Case]:
    for form, masks in FORMS.items():
        for name, (suffix, content) in MASKS.items():
            text = f"images: images, masks: {{{masks.replace('SUFFIX', suffix)}}}"
            classes = (
                "[ground, paper]"
                if "binary" in masks
                else "[{name: ground, colour: [1, 2, 3]}, {name: paper, colour: [4, 5, 6]}]"
                if "tolerance" in masks
                else CLASSES
            )
            made = both(
                *(file(f"m/{n}{suffix}", content) for n in range(8)),
                file("d.yaml", f"train: {{{text}}}\nclasses: {classes}\n"),
            )
            yield Case(f"mask {form}: {name}", CHECK, made, expected="either", writes="")
