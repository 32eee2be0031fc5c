"""A file that is no whole image is one clear line, and nothing else is said."""

import io
import struct
import zlib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageFile

from seg.data import read_image
from seg.data.images import image_header
from seg.data.images.image_header import image_size
from seg.errors import DataError


def encoded(form: str, **options: object) -> bytes:
    buffer = io.BytesIO()
    noise = np.random.default_rng(1).integers(0, 256, (40, 40, 3), dtype=np.uint8)
    Image.fromarray(noise).save(buffer, form, **options)
    return buffer.getvalue()


FORMS = {
    "jpg": encoded("JPEG"),
    "progressive.jpg": encoded("JPEG", progressive=True),
    "png": encoded("PNG"),
    "webp": encoded("WEBP"),
    "lossless.webp": encoded("WEBP", lossless=True),
    "bmp": encoded("BMP"),
    "tif": encoded("TIFF"),
    "lzw.tif": encoded("TIFF", compression="tiff_lzw"),
}


@pytest.mark.parametrize("suffix", FORMS)
def test_a_file_that_was_cut_off_anywhere_is_one_line(
    suffix: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    data, path = FORMS[suffix], tmp_path / f"x.{suffix}"
    # The last 4 bytes of a PNG are the checksum of nothing.
    end = len(data) - 4 * suffix.endswith("png")
    lengths = {*np.linspace(1, end - 1, 40).astype(int), *range(end - 8, end)}
    for length in sorted(lengths):
        path.write_bytes(data[:length])
        with pytest.raises(DataError, match=rf"{path.name}: ") as error:
            read_image(path)
        assert "\n" not in str(error.value)
    assert capfd.readouterr().err == ""


def test_a_png_with_a_changed_byte_is_damaged(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "x.png"
    for place in (20, 200, 1000):
        data = bytearray(FORMS["png"])
        data[place] ^= 0x10
        path.write_bytes(data)
        with pytest.raises(
            DataError, match=r"x\.png: is cut off or damaged: broken PNG file \(bad header checksum"
        ):
            read_image(path)
    assert capfd.readouterr().err == ""


def test_odd_metadata_changes_nothing_and_says_nothing(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    png, jpeg = FORMS["png"], FORMS["jpg"]
    profile = b"iCCPx\0\0no profile"
    chunk = (len(profile) - 4).to_bytes(4, "big") + profile + zlib.crc32(profile).to_bytes(4, "big")
    tables = jpeg.find(b"\xff\xdb")
    for plain, odd in (
        (png, png[:33] + chunk + png[33:]),
        (png, png + b"more"),
        (jpeg, jpeg[:tables] + b"\xff\xff" + jpeg[tables:]),
        (jpeg, jpeg + b"more"),
    ):
        (tmp_path / "plain").write_bytes(plain)
        (tmp_path / "odd").write_bytes(odd)
        np.testing.assert_array_equal(read_image(tmp_path / "odd"), read_image(tmp_path / "plain"))
    assert capfd.readouterr().err == ""


def test_threads_keep_quiet_too(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "x.tif"
    path.write_bytes(FORMS["lzw.tif"][:-500])

    def read(_: int) -> bool:
        with pytest.raises(DataError):
            read_image(path)
        return True

    with ThreadPoolExecutor(4) as threads:
        assert all(threads.map(read, range(100)))
    assert capfd.readouterr().err == ""


@pytest.mark.parametrize("suffix", [suffix for suffix in FORMS if suffix.endswith("jpg")])
@pytest.mark.parametrize("lost", [0.02, 0.3, 0.5])
def test_a_jpeg_whose_end_marker_stands_too_early_is_damaged(
    suffix: str, lost: float, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    path, data = tmp_path / "x.jpg", FORMS[suffix]
    path.write_bytes(data[: int(len(data) * (1 - lost))] + b"\xff\xd9")
    with pytest.raises(DataError, match=r"x\.jpg: is cut off or damaged: Corrupt JPEG data: premature end"):
        read_image(path)
    assert capfd.readouterr().err == ""


def test_a_jpeg_that_simplejpeg_cannot_read_is_left_to_pillow(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "x.jpg"
    path.write_bytes(FORMS["jpg"])
    expected_hwc = read_image(path)

    def refuse(*_: object, **__: object) -> None:
        raise ValueError("tjDecompressHeader3(): Could not determine subsampling level of JPEG image")

    monkeypatch.setattr("simplejpeg.decode_jpeg_header", refuse)
    monkeypatch.setattr("simplejpeg.decode_jpeg", refuse)
    np.testing.assert_array_equal(read_image(path), expected_hwc)


@pytest.mark.parametrize("suffix", [suffix for suffix in FORMS if suffix.endswith("jpg")])
def test_surplus_bytes_behind_the_last_pixel_are_no_damage(suffix: str, tmp_path: Path) -> None:
    path, data = tmp_path / "x.jpg", FORMS[suffix]
    path.write_bytes(data)
    whole_hwc = read_image(path)
    path.write_bytes(data[:-2] + bytes(100) + data[-2:])
    np.testing.assert_array_equal(read_image(path), whole_hwc)


@pytest.mark.parametrize("form", ["PNG", "BMP", "TIFF", "WEBP"])
def test_an_image_too_large_is_refused_before_it_is_decoded(
    form: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "x"
    path.write_bytes(encoded(form))
    monkeypatch.setattr(image_header, "MOST_PIXELS", 40 * 40)
    read_image(path)
    monkeypatch.setattr(image_header, "MOST_PIXELS", 40 * 40 - 1)
    monkeypatch.setattr(ImageFile.ImageFile, "load", None)
    with pytest.raises(DataError, match=r"x: is 40x40, .*cut it into tiles"):
        read_image(path)


def test_of_a_tiff_whose_tags_contradict_each_other_what_is_decoded_was_checked(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "x.tif"
    path.write_bytes(FORMS["lzw.tif"])
    data = bytearray(FORMS["lzw.tif"])
    (directory,) = struct.unpack_from("<I", data, 4)
    (count,) = struct.unpack_from("<H", data, directory)
    entries = data[directory + 2 : directory + 2 + 12 * count]
    for width in (1, 39, 41, 2**31 - 1):
        twice = struct.pack("<HHII", 256, 4, 1, width)
        for order in (twice + entries, entries[:12] + twice + entries[12:]):
            path.write_bytes(
                data[:4]
                + struct.pack("<I", len(data))
                + data[8:]
                + struct.pack("<H", count + 1)
                + order
                + bytes(4)
            )
            try:
                assert read_image(path).shape[:2] == image_size(path.read_bytes())
            except DataError as error:
                assert "\n" not in str(error)
    assert capfd.readouterr().err == ""


def test_a_thumbnail_does_not_hide_that_the_rest_is_missing(tmp_path: Path) -> None:
    data = FORMS["jpg"]
    thumbnail = b"\xff\xe1" + (2 + 6 + len(data)).to_bytes(2, "big") + b"Exif\0\0" + data
    whole = data[:2] + thumbnail + data[2:]
    path = tmp_path / "x.jpg"
    path.write_bytes(whole)
    read_image(path)
    path.write_bytes(whole[:-300])
    with pytest.raises(DataError, match="Premature end of JPEG file"):
        read_image(path)


@pytest.mark.parametrize(
    ("name", "data", "problem"),
    [
        ("empty.jpg", b"", "is empty"),
        ("text.png", b"not an image", "is not a PNG"),
        ("nothing.jpg", None, "no such file"),
        ("drawing.svg", b"<svg></svg>", "is not a PNG"),
        ("bare.png", b"\x89PNG\r\n\x1a\n", "is cut off"),
        ("headless.png", b"\x89PNG\r\n\x1a\n\0\0\0\0IEND\xaeB`\x82", "is cut off or damaged"),
        ("bare.tif", b"II*\0", "is cut off"),
    ],
)
def test_what_is_no_image_is_one_line(name: str, data: bytes | None, problem: str, tmp_path: Path) -> None:
    if data is not None:
        (tmp_path / name).write_bytes(data)
    with pytest.raises(DataError, match=f"{name}: .*{problem}"):
        read_image(tmp_path / name)


def test_a_folder_is_no_image(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="cannot be read"):
        read_image(tmp_path)
