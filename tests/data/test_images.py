"""Images of every kind are either right or one clear line."""

import io
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from seg.data import read_image, read_mask
from seg.data.images import write_image, write_mask
from seg.errors import DataError
from seg.labels import ImageHWC

RGB = np.random.default_rng(0).integers(0, 256, (6, 9, 3), dtype=np.uint8)


def saved(image: Image.Image, path: Path, **options: object) -> Path:
    image.save(path, **options)  # type: ignore[arg-type]
    return path


def grey(folder: Path) -> tuple[Path, ImageHWC]:
    return saved(Image.fromarray(RGB[..., 0]), folder / "x.png"), np.repeat(RGB[..., :1], 3, axis=2)


def palette(folder: Path) -> tuple[Path, ImageHWC]:
    image = Image.fromarray(RGB).quantize(16)
    return saved(image, folder / "x.png"), np.asarray(image.convert("RGB"))


def rgba(folder: Path) -> tuple[Path, ImageHWC]:
    with_alpha = np.dstack((RGB, np.full(RGB.shape[:2], 40, np.uint8)))
    return saved(Image.fromarray(with_alpha, "RGBA"), folder / "x.png"), RGB


def sixteen_bit(folder: Path) -> tuple[Path, ImageHWC]:
    deep = Image.fromarray(RGB[..., 0].astype(np.uint16) * 257)
    return saved(deep, folder / "x.png"), np.repeat(RGB[..., :1], 3, axis=2)


def one_pixel(folder: Path) -> tuple[Path, ImageHWC]:
    return saved(Image.fromarray(RGB[:1, :1]), folder / "x.bmp"), RGB[:1, :1]


def webp(folder: Path) -> tuple[Path, ImageHWC]:
    return saved(Image.fromarray(RGB), folder / "x.webp", lossless=True), RGB


def tiff(folder: Path) -> tuple[Path, ImageHWC]:
    return saved(Image.fromarray(RGB), folder / "x.tif"), RGB


@pytest.mark.parametrize("make", [grey, palette, rgba, sixteen_bit, one_pixel, webp, tiff])
def test_every_kind_becomes_rgb(make: Callable[[Path], tuple[Path, ImageHWC]], tmp_path: Path) -> None:
    path, expected = make(tmp_path)
    image_hwc = read_image(path)
    assert image_hwc.dtype == np.uint8
    np.testing.assert_array_equal(image_hwc, expected)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_orientation_is_applied(orientation: int, tmp_path: Path) -> None:
    from PIL import ImageOps

    blocks = np.kron(RGB[:3, :4], np.ones((16, 16, 1), np.uint8))
    image = Image.fromarray(blocks)
    exif = Image.Exif()
    exif[0x0112] = orientation
    path = saved(image, tmp_path / "x.jpg", exif=exif, quality=100, subsampling=0)
    expected = np.asarray(ImageOps.exif_transpose(Image.open(path)))
    image_hwc = read_image(path)
    assert image_hwc.shape == expected.shape
    assert np.abs(image_hwc.astype(int) - expected).max() <= 4


def encoded(form: str) -> bytes:
    buffer = io.BytesIO()
    noise = np.random.default_rng(1).integers(0, 256, (40, 40, 3), dtype=np.uint8)
    Image.fromarray(noise).save(buffer, form)
    return buffer.getvalue()


@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP", "BMP", "TIFF"])
@pytest.mark.parametrize("part", [0.3, 0.9])
def test_a_file_that_was_cut_off_is_one_line(
    form: str, part: float, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    data = encoded(form)
    path = tmp_path / f"x.{form.lower()}"
    path.write_bytes(data[: int(len(data) * part)])
    with pytest.raises(DataError, match=f"{path.name}: ") as error:
        read_image(path)
    assert "\n" not in str(error.value)
    assert capfd.readouterr().err == ""


def test_a_thumbnail_does_not_hide_that_the_rest_is_missing(tmp_path: Path) -> None:
    data = encoded("JPEG")
    thumbnail = b"\xff\xe1" + (2 + 6 + len(data)).to_bytes(2, "big") + b"Exif\0\0" + data
    whole = data[:2] + thumbnail + data[2:]
    path = tmp_path / "x.jpg"
    path.write_bytes(whole)
    read_image(path)
    path.write_bytes(whole[:-300])
    with pytest.raises(DataError, match="no end marker"):
        read_image(path)


@pytest.mark.parametrize(
    ("name", "data", "problem"),
    [
        ("empty.jpg", b"", "is empty"),
        ("text.png", b"not an image", "not an image"),
        ("nothing.jpg", None, "no such file"),
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


@given(st.integers(1, 9), st.integers(1, 9), st.integers(0, 2**32 - 1))
def test_masks_and_images_come_back(height: int, width: int, seed: int) -> None:
    import tempfile

    rng = np.random.default_rng(seed)
    with tempfile.TemporaryDirectory() as folder:
        labels_hw = rng.integers(0, 256, (height, width), dtype=np.uint8)
        write_mask(Path(folder) / "m.png", labels_hw)
        np.testing.assert_array_equal(read_mask(Path(folder) / "m.png"), labels_hw)
        image_hwc = rng.integers(0, 256, (height, width, 3), dtype=np.uint8)
        write_image(Path(folder) / "i.png", image_hwc)
        np.testing.assert_array_equal(read_image(Path(folder) / "i.png"), image_hwc)


@pytest.mark.parametrize("bits", [1, 2, 4, 8])
def test_a_palette_mask_gives_its_indexes(bits: int, tmp_path: Path) -> None:
    indexes = np.random.default_rng(bits).integers(0, 2**bits, (5, 7), dtype=np.uint8)
    image = Image.fromarray(indexes, "P")
    image.putpalette([7, 7, 7] * 256)
    path = saved(image, tmp_path / "m.png", bits=bits)
    np.testing.assert_array_equal(read_mask(path), indexes)


@pytest.mark.parametrize("bits", [1, 8])
def test_a_grey_mask_gives_its_values(bits: int, tmp_path: Path) -> None:
    values = np.array([[0, 1], [1, 0]], dtype=np.uint8)
    image = Image.fromarray(values.astype(bool)) if bits == 1 else Image.fromarray(values)
    np.testing.assert_array_equal(read_mask(saved(image, tmp_path / "m.png")), values)


def test_a_colour_image_is_no_mask(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="one 8-bit channel"):
        read_mask(saved(Image.fromarray(RGB), tmp_path / "m.png"))
