"""The PNG format: a folder of PNGs with class ids or positions as pixel values.

PNGs of 8 bits are indexed, with the classes' colours as palette; ids above 255 need 16-bit greyscale.
"""

import struct
import zlib
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Final

import numpy as np

from seg.data.images.images import read_index_map
from seg.engine.submissions.base import LabelledImage, SizeOf
from seg.engine.submissions.image_registry import ImageRegistry
from seg.engine.submissions.masks.bit_values import BitValues
from seg.engine.submissions.masks.check_size import check_header_size
from seg.engine.submissions.masks.pixel_values import PixelTypes, PixelValues, ValuesHW
from seg.errors import DataError
from seg.files.file_names import FileNames, id_of_file_name
from seg.files.outputs import output_folder
from seg.labels.classes import Colour

_SIGNATURE: Final = b"\x89PNG\r\n\x1a\n"
_GREYSCALE, _INDEXED = 0, 3
_COLOURS: Final = 256
TYPES: Final[PixelTypes] = (np.uint8, np.uint16)
MOST_BITS: Final = 16
_SUFFIX: Final = ".png"


class PngFolder:
    """Each image's labels as `<id>.png`, which any viewer shows in the classes' colours."""

    def __init__(self, values: PixelValues | BitValues) -> None:
        self._values = values
        self._palette = png_palette_of(values.colours) if values.dtype == np.uint8 else None

    def write(self, path: Path, images: Iterable[LabelledImage]) -> None:
        names = FileNames(_SUFFIX)
        with output_folder(path) as folder:
            for image_id, labels_hw in images:
                file = folder / names.name_of(image_id)
                file.parent.mkdir(parents=True, exist_ok=True)
                file.write_bytes(encode_png(self._values.encode(image_id, labels_hw), self._palette))

    def read(self, path: Path, size_of: SizeOf) -> Iterator[LabelledImage]:
        files = sorted(filter(Path.is_file, path.rglob(f"*{_SUFFIX}")))
        if not files:
            raise DataError(f"{path}: has no PNGs")
        registry = ImageRegistry(size_of)
        for file in files:
            image_id = id_of_file_name(file.relative_to(path).as_posix().removesuffix(_SUFFIX))
            size_hw = registry.register(str(file), image_id)
            check_header_size(file, image_id, size_of)
            values_hw = read_index_map(file)
            registry.check_size(str(file), values_hw, size_hw)
            yield image_id, self._values.decode(str(file), values_hw)


def png_palette_of(colours: Mapping[int, Colour]) -> bytes:
    """Red, green and blue of each value from 0 to 255: its colour, or black."""
    black = (0, 0, 0)
    return bytes(channel for value in range(_COLOURS) for channel in colours.get(value, black))


def encode_png(values_hw: ValuesHW, palette: bytes | None) -> bytes:
    """A PNG of uint8 or uint16 `[H, W]`: of colour type 3, or without a palette 0.

    Source: Portable Network Graphics (PNG) Specification, third edition, 2025, sections 5 and 11.
    """
    height, width = values_hw.shape
    bits = 8 * values_hw.itemsize
    kind = _GREYSCALE if palette is None else _INDEXED
    header = struct.pack(">IIBBBBB", width, height, bits, kind, 0, 0, 0)
    big_endian = np.ascontiguousarray(values_hw, dtype=values_hw.dtype.newbyteorder(">"))
    unfiltered = np.zeros((height, 1 + width * values_hw.itemsize), dtype=np.uint8)
    unfiltered[:, 1:] = big_endian.view(np.uint8)
    chunks = [
        (b"IHDR", header),
        *([(b"PLTE", palette)] if palette else []),
        (b"IDAT", zlib.compress(unfiltered.tobytes())),
        (b"IEND", b""),
    ]
    return _SIGNATURE + b"".join(_png_chunk(name, content) for name, content in chunks)


def _png_chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))
