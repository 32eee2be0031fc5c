"""Images and masks of every kind are read as what they are, and written so that they come back."""

import tempfile
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image, ImageOps

from seg.data import read_image, read_mask
from seg.data.images import IMAGE_SUFFIXES, write_image, write_mask
from seg.errors import DataError, OutputError
from seg.labels import ImageHWC

RGB = np.random.default_rng(0).integers(0, 256, (6, 9, 3), dtype=np.uint8)


GREY = np.repeat(RGB[..., :1], 3, axis=2)
ALPHA = np.full(RGB.shape[:2], 40, np.uint8)
DEEP = np.random.default_rng(1).integers(0, 2**16, (6, 9, 3), dtype=np.uint16)

Made = tuple[Path, ImageHWC]


def saved(image: Image.Image, path: Path, **options: object) -> Path:
    image.save(path, **options)  # type: ignore[arg-type]
    return path


def as_pillow_sees_it(image: Image.Image, path: Path, **options: object) -> Made:
    return saved(image, path, **options), np.asarray(image.convert("RGB"))


def grey(folder: Path) -> Made:
    return saved(Image.fromarray(RGB[..., 0]), folder / "x.png"), GREY


def grey_with_alpha(folder: Path) -> Made:
    return saved(Image.fromarray(np.dstack((RGB[..., 0], ALPHA)), "LA"), folder / "x.png"), GREY


def one_bit(folder: Path) -> Made:
    return as_pillow_sees_it(Image.fromarray(RGB).convert("1"), folder / "x.png")


def fax(folder: Path) -> Made:
    return as_pillow_sees_it(Image.fromarray(RGB).convert("1"), folder / "x.tif", compression="group4")


def palette(folder: Path) -> Made:
    return as_pillow_sees_it(Image.fromarray(RGB).quantize(16), folder / "x.png")


def transparent_palette(folder: Path) -> Made:
    return as_pillow_sees_it(Image.fromarray(RGB).quantize(16), folder / "x.png", transparency=3)


def palette_bmp(folder: Path) -> Made:
    return as_pillow_sees_it(Image.fromarray(RGB).quantize(16), folder / "x.bmp")


def rgba(folder: Path) -> Made:
    return saved(Image.fromarray(np.dstack((RGB, ALPHA)), "RGBA"), folder / "x.png"), RGB


def rgba_tiff(folder: Path) -> Made:
    return saved(Image.fromarray(np.dstack((RGB, ALPHA)), "RGBA"), folder / "x.tif"), RGB


def rgba_webp(folder: Path) -> Made:
    image = Image.fromarray(np.dstack((RGB, ALPHA)), "RGBA")
    return saved(image, folder / "x.webp", lossless=True, exact=True), RGB


def sixteen_bit(folder: Path) -> Made:
    deep = Image.fromarray(RGB[..., 0].astype(np.uint16) * 257)
    return saved(deep, folder / "x.png"), GREY


def one_pixel(folder: Path) -> Made:
    return saved(Image.fromarray(RGB[:1, :1]), folder / "x.bmp"), RGB[:1, :1]


def webp(folder: Path) -> Made:
    return saved(Image.fromarray(RGB), folder / "x.webp", lossless=True), RGB


def tiff(folder: Path) -> Made:
    return saved(Image.fromarray(RGB), folder / "x.tif", compression="tiff_lzw"), RGB


@pytest.mark.parametrize(
    "make",
    [
        grey,
        grey_with_alpha,
        one_bit,
        fax,
        palette,
        transparent_palette,
        palette_bmp,
        rgba,
        rgba_tiff,
        rgba_webp,
        sixteen_bit,
        one_pixel,
        webp,
        tiff,
    ],
)
def test_every_kind_becomes_rgb(make: Callable[[Path], Made], tmp_path: Path) -> None:
    path, expected = make(tmp_path)
    image_hwc = read_image(path)
    assert image_hwc.dtype == np.uint8
    np.testing.assert_array_equal(image_hwc, expected)


@pytest.mark.parametrize("suffix", [".png", ".tif"])
def test_sixteen_bits_are_scaled_to_eight(suffix: str, tmp_path: Path) -> None:
    path = tmp_path / f"x{suffix}"
    path.write_bytes(cv2.imencode(suffix, DEEP[..., ::-1])[1].tobytes())
    assert np.abs(read_image(path) - DEEP / 257).max() <= 1


def test_inks_become_rgb(tmp_path: Path) -> None:
    smooth = np.kron(RGB[:3, :4], np.ones((16, 16, 1), np.uint8))
    inks = Image.fromarray(smooth).convert("CMYK")
    path = saved(inks, tmp_path / "x.jpg", quality=100, subsampling=0)
    assert np.abs(read_image(path).astype(int) - smooth).max() <= 4


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize(
    ("suffix", "options"),
    [
        ("jpg", {"quality": 100, "subsampling": 0}),
        ("png", {}),
        ("webp", {"lossless": True}),
        ("tif", {}),
    ],
)
def test_the_orientation_is_applied(
    suffix: str, options: dict[str, object], orientation: int, tmp_path: Path
) -> None:
    blocks = np.kron(RGB[:3, :4], np.ones((16, 16, 1), np.uint8))
    exif = Image.Exif()
    exif[0x0112] = orientation
    path = saved(Image.fromarray(blocks), tmp_path / f"x.{suffix}", exif=exif, **options)
    expected = np.asarray(ImageOps.exif_transpose(Image.open(path)))
    image_hwc = read_image(path)
    assert image_hwc.shape == expected.shape
    assert np.abs(image_hwc.astype(int) - expected).max() <= 4


@given(st.integers(1, 9), st.integers(1, 9), st.integers(0, 2**32 - 1))
def test_masks_and_images_come_back(height: int, width: int, seed: int) -> None:
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


def test_a_transparent_palette_mask_gives_its_indexes(tmp_path: Path) -> None:
    image = Image.fromarray(RGB).quantize(16)
    path = saved(image, tmp_path / "m.png", transparency=3)
    np.testing.assert_array_equal(read_mask(path), np.asarray(image))


@pytest.mark.parametrize(
    ("pixels", "problem"),
    [(RGB, "3 channels of 8 bits"), (DEEP[..., 0], "1 channels of 16 bits")],
)
def test_what_is_no_mask_says_what_it_is(pixels: NDArray[np.uint16], problem: str, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=rf"m\.png: has {problem}"):
        read_mask(saved(Image.fromarray(pixels), tmp_path / "m.png"))


def test_what_cannot_be_written_leaves_no_file(tmp_path: Path) -> None:
    for name in ("x.nothing", "x"):
        with pytest.raises(OutputError, match=f"{name}: "):
            write_image(tmp_path / name, RGB)
    with pytest.raises(OutputError, match=r"x\.jpg: a mask must keep its values"):
        write_mask(tmp_path / "x.jpg", RGB[..., 0])
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("suffix", sorted(IMAGE_SUFFIXES))
def test_writing_says_nothing(suffix: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_WARNING)
    write_image(tmp_path / f"x{suffix}", RGB)
    assert capfd.readouterr() == ("", "")
