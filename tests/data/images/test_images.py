"""Images and masks of every kind are read as what they are, and written so that they come back."""

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import tifffile
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image, ImageOps

from seg.data import read_image, read_mask
from seg.data.images.images import write_image, write_mask
from seg.errors import DataError, OutputError
from seg.files.image_suffixes import PICTURE_SUFFIXES
from seg.labels.label_map import ImageHWC

RGB = np.random.default_rng(0).integers(0, 256, (6, 9, 3), dtype=np.uint8)


GREY = np.repeat(RGB[..., :1], 3, axis=2)
ALPHA = np.full(RGB.shape[:2], 40, np.uint8)
DEEP = np.random.default_rng(1).integers(0, 2**16, (6, 9, 3), dtype=np.uint16)

CT = DEEP[..., 0] >> 4

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
@pytest.mark.parametrize(
    ("pixels", "problem"),
    [
        (CT, f"1 band of 16 bits with values {CT.min()}..{CT.max()}"),
        (DEEP, "3 bands of 16 bits"),
        (np.dstack([DEEP, DEEP[..., :1]]), "4 bands of 16 bits"),
    ],
)
def test_depth_that_would_be_lost_is_refused(
    suffix: str, pixels: NDArray[np.uint16], problem: str, tmp_path: Path
) -> None:
    path = tmp_path / f"x{suffix}"
    path.write_bytes(cv2.imencode(suffix, pixels)[1].tobytes())
    with pytest.raises(DataError, match=rf"x{suffix}: has {problem}.*scale it to 0\.\.255"):
        read_image(path)


@pytest.mark.parametrize(
    ("pixels_hwb", "problem"),
    [
        (
            np.linspace(-1, 1, 54, dtype=np.float32).reshape(6, 9),
            "1 band of 32 floating-point bits with values -1..1",
        ),
        (np.zeros((6, 9), np.int16), "1 band of 16 signed bits"),
        (np.zeros((6, 9, 13), np.uint8), "13 bands of 8 bits"),
        (np.zeros((6, 9, 2), np.uint8), "2 bands of 8 bits"),
        (np.zeros((6, 9, 8), np.float64), "8 bands of 64 floating-point bits"),
    ],
)
def test_bands_that_would_be_lost_are_refused(
    pixels_hwb: NDArray[np.generic], problem: str, tmp_path: Path
) -> None:
    path = tmp_path / "x.tif"
    for planar in ("contig", "separate"):
        pixels = pixels_hwb if planar == "contig" else np.moveaxis(pixels_hwb, -1, 0)
        planes = None if pixels.ndim == 2 else planar
        tifffile.imwrite(path, pixels, photometric="minisblack", planarconfig=planes)
        with pytest.raises(DataError, match=rf"x\.tif: has {problem}"):
            read_image(path)


@pytest.mark.parametrize("suffix", [".png", ".tif", ".webp"])
def test_a_fourth_band_that_is_no_alpha_is_refused(suffix: str, tmp_path: Path) -> None:
    infrared = np.random.default_rng(2).integers(20, 200, (6, 9), dtype=np.uint8)
    cut_out = np.where(infrared > 60, 255, 0).astype(np.uint8)
    path = tmp_path / f"x{suffix}"
    options: dict[str, Any] = {"lossless": True, "exact": True} if suffix == ".webp" else {}
    Image.fromarray(np.dstack((RGB, infrared)), "RGBA").save(path, **options)
    with pytest.raises(
        DataError, match=rf"has a fourth band with values {infrared.min()}\.\.{infrared.max()}"
    ):
        read_image(path)
    Image.fromarray(np.dstack((RGB, cut_out)), "RGBA").save(path, **options)
    np.testing.assert_array_equal(read_image(path), RGB)


def test_a_fourth_band_that_is_not_called_alpha_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "x.tif"
    opaque = np.dstack((RGB, np.full(RGB.shape[:2], 255, np.uint8)))
    for extra, refused in (("unspecified", True), ("unassalpha", False)):
        tifffile.imwrite(path, opaque, photometric="rgb", extrasamples=[extra])
        if refused:
            with pytest.raises(DataError, match="has 4 bands of 8 bits"):
                read_image(path)
        else:
            np.testing.assert_array_equal(read_image(path), RGB)


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
    [(RGB, "3 bands of 8 bits"), (DEEP[..., 0], "1 band of 16 bits")],
)
def test_what_is_no_mask_says_what_it_is(pixels: NDArray[np.uint16], problem: str, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=rf"m\.png: has {problem}"):
        read_mask(saved(Image.fromarray(pixels), tmp_path / "m.png"))


def test_what_cannot_be_written_leaves_no_file(tmp_path: Path) -> None:
    for name in ("x.nothing", "x"):
        with pytest.raises(OutputError, match=f"{name}: "):
            write_image(tmp_path / name, RGB)
    with pytest.raises(OutputError, match=r"x\.jpg: a mask needs a lossless format"):
        write_mask(tmp_path / "x.jpg", RGB[..., 0])
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("suffix", sorted(PICTURE_SUFFIXES))
def test_writing_says_nothing(suffix: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_WARNING)
    write_image(tmp_path / f"x{suffix}", RGB)
    assert capfd.readouterr() == ("", "")
