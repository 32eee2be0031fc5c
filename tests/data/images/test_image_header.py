"""Sizes that headers claim, held to what OpenCV decodes."""

import struct
import zlib
from pathlib import Path

import cv2
import numpy as np
import pytest
import tifffile
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from seg.data.images.image_header import image_size, without_fill_bytes

SIDES = st.integers(1, 300)
KINDS = {
    ".png": [],
    ".jpg": [],
    ".bmp": [],
    ".tif": [],
    ".webp": [cv2.IMWRITE_WEBP_QUALITY, 80],
    "lossless.webp": [cv2.IMWRITE_WEBP_QUALITY, 101],
}


def encoded(kind: str, image: NDArray[np.uint8]) -> bytes:
    done, data = cv2.imencode(kind[kind.index(".") :], image, KINDS[kind])
    assert done
    return bytes(data.tobytes())


@pytest.mark.parametrize("kind", KINDS)
@given(height=SIDES, width=SIDES, channels=st.sampled_from([1, 3]))
def test_it_is_the_size_that_is_decoded(kind: str, height: int, width: int, channels: int) -> None:
    data = encoded(kind, np.full((height, width, channels), 90, dtype=np.uint8))
    decoded = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
    assert decoded is not None
    assert image_size(data) == decoded.shape[:2] == (height, width)


def test_a_webp_with_alpha_says_its_size_elsewhere() -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (33, 57, 4), dtype=np.uint8)
    data = encoded(".webp", pixels)
    assert data[12:16] == b"VP8X"
    assert image_size(data) == (33, 57)


@pytest.mark.parametrize("kind", KINDS)
@given(cut=st.integers(0, 400), seed=st.integers(0, 1000))
def test_whatever_is_left_of_a_file_is_one_size_or_one_line(kind: str, cut: int, seed: int) -> None:
    data = bytearray(encoded(kind, np.zeros((20, 30, 3), dtype=np.uint8)))
    place = seed % len(data)
    data[place] ^= 1 + seed % 255
    try:
        height, width = image_size(bytes(data[:cut]))
    except ValueError as error:
        assert "\n" not in str(error)
    else:
        assert min(height, width) > 0


def test_a_bomb_is_seen_in_its_header() -> None:
    header = struct.pack(">IIBBBBB", 60_000, 50_000, 8, 2, 0, 0, 0)
    chunk = struct.pack(">I", 13) + b"IHDR" + header + struct.pack(">I", zlib.crc32(b"IHDR" + header))
    pixels = struct.pack(">I", 9) + b"IDAT"
    assert image_size(b"\x89PNG\r\n\x1a\n" + chunk + pixels) == (50_000, 60_000)


def test_a_tile_larger_than_its_picture_counts(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "x.tif", np.zeros((10, 20), np.uint8), tile=(64, 96))
    assert image_size((tmp_path / "x.tif").read_bytes()) == (64, 96)


@pytest.mark.parametrize("data", [b"", b"GIF89a", b"%PDF-1.7", b"<svg/>", b"RIFF\0\0\0\0WAVEfmt ", b"BM"])
def test_other_kinds_are_refused(data: bytes) -> None:
    with pytest.raises(ValueError, match=r"a PNG, JPEG, WebP, BMP or TIFF|is cut off"):
        image_size(data)


@given(counts=st.lists(st.integers(0, 3000), min_size=30, max_size=30))
def test_fill_bytes_before_markers_are_left_out(counts: list[int]) -> None:
    """Of a JPEG whose markers before its pixels are found by their lengths, by hand."""
    jpeg = encoded(".jpg", np.zeros((20, 30, 3), dtype=np.uint8))
    filled, place = jpeg[:2], 2
    for count in counts:
        end = place + 2 + int.from_bytes(jpeg[place + 2 : place + 4])
        filled += b"\xff" * count + jpeg[place:end]
        if jpeg[place + 1] == 0xDA:
            break
        place = end
    filled += jpeg[end:]
    assert without_fill_bytes(filled) == jpeg


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"\xff\xd8" + b"\xff" * 5_000_000, "cut off or damaged"),
        (b"\xff\xd8" * 2_500_000, "more than 10000 segments"),
        (b"\xff\xd8" + b"\xff\xe1\0\2" * 1_250_000, "more than 10000 segments"),
        (b"\x89PNG\r\n\x1a\n" + b"\0\0\0\0abCd\0\0\0\0" * 400_000, "more than 10000 chunks"),
    ],
    ids=["fill bytes", "markers", "segments", "chunks"],
)
def test_parts_that_pillow_reads_one_by_one_are_bounded(data: bytes, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        image_size(data)
