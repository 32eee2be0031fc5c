"""A folder of indexed PNGs: the label of each pixel, with the classes' colours as palette."""

import struct
import zlib
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Final

import numpy as np

from seg.classes import ClassInfo
from seg.data.images import read_mask
from seg.engine.submissions.atomic_folder import atomic_folder, refuse_false_claim
from seg.engine.submissions.base import Labelled, SizeOf
from seg.errors import DataError
from seg.labels import LabelsHW

_SIGNATURE: Final = b"\x89PNG\r\n\x1a\n"
_INDEXED: Final = 3
_SUFFIX: Final = ".png"


class PngFolder:
    """Each image's labels as `<id>.png`, which any viewer shows in the classes' colours."""

    def __init__(self, classes: Sequence[ClassInfo]) -> None:
        self._palette = bytes(channel for c in classes for channel in c.colour)

    def write(self, path: Path, images: Iterable[Labelled], sample: Path | None = None) -> None:
        with atomic_folder(path) as folder:
            for image_id, labels_hw in images:
                file = folder / f"{image_id}{_SUFFIX}"
                file.parent.mkdir(parents=True, exist_ok=True)
                file.write_bytes(indexed_png(labels_hw, self._palette))

    def read(self, path: Path, size_of: SizeOf) -> Iterator[Labelled]:
        files = sorted(path.rglob(f"*{_SUFFIX}"))
        if not files:
            raise DataError(f"{path}: has no PNGs")
        for file in files:
            image_id = file.relative_to(path).with_suffix("").as_posix()
            refuse_false_claim(file, image_id, size_of)
            yield image_id, read_mask(file)


def indexed_png(labels_hw: LabelsHW, palette: bytes) -> bytes:
    """A PNG of colour type 3; `palette` is red, green and blue of each label.

    Source: Portable Network Graphics (PNG) Specification, third edition, 2025, sections 5 and 11.
    """
    height, width = labels_hw.shape
    header = struct.pack(">IIBBBBB", width, height, 8, _INDEXED, 0, 0, 0)
    unfiltered = np.zeros((height, width + 1), dtype=np.uint8)
    unfiltered[:, 1:] = labels_hw
    chunks = (
        (b"IHDR", header),
        (b"PLTE", palette),
        (b"IDAT", zlib.compress(unfiltered.tobytes())),
        (b"IEND", b""),
    )
    return _SIGNATURE + b"".join(_chunk(kind, content) for kind, content in chunks)


def _chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))
