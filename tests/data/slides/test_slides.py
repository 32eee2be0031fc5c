"""Slides and OME-TIFFs: the pixels and levels that were written, by window."""

import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
import tifffile

from seg.data.images import raster
from seg.data.images.images import read_image
from seg.data.images.pixel_size import PixelSize, pixel_size_of
from seg.data.images.pyramid import open_pyramid, sizes_of_levels
from seg.data.images.raster import open_raster
from seg.data.images.read_sample import read_sample, size_of_sample, type_of_sample
from seg.data.images.windowed_image import WindowedImage
from seg.data.regions.region import Region
from seg.data.splits.split import Sample
from seg.errors import DataError
from seg.pixel_range import PixelRange
from tests.data.slides.drawn_slides import halved, smooth_image, write_channels, write_ome, write_svs

pytest.importorskip("rasterio")

WINDOW = Region(11, 70, 90, 61)


@pytest.mark.parametrize(("height", "width"), [(200, 300), (301, 1203)], ids=["twice", "not quite twice"])
def test_a_slide_is_read_by_window_at_each_level(height: int, width: int, tmp_path: Path) -> None:
    openslide = pytest.importorskip("openslide")
    full = smooth_image(height, width)
    write_svs(tmp_path / "a.svs", full)
    with openslide.OpenSlide(tmp_path / "a.svs") as slide:
        assert slide.level_downsamples[1].is_integer() == (height == 200)

    half_hw = (height + 1) // 2, (width + 1) // 2
    assert sizes_of_levels(tmp_path / "a.svs") == ((height, width), half_hw)
    assert pixel_size_of(tmp_path / "a.svs") == PixelSize(0.25, 0.25, "um")
    for number, level in enumerate([full, cv2.resize(full, half_hw[::-1], interpolation=cv2.INTER_AREA)]):
        file = open_pyramid(tmp_path / "a.svs", number)
        whole = file.read((1, 2, 3), Region.whole(file.size_hw)).transpose(1, 2, 0)
        assert np.abs(whole.astype(int) - level).mean() < 3
        for wanted in (WINDOW, Region(3, 250, 140, 300)):
            window = wanted.intersection(Region.whole(file.size_hw))
            np.testing.assert_array_equal(
                file.read((3, 1), window), whole[window.slices][..., [2, 0]].transpose(2, 0, 1)
            )
    assert size_of_sample(Sample("a", tmp_path / "a.svs")) == (height, width)
    bands, *sampled_hw = open_pyramid(tmp_path / "a.svs").read_sampled((50, 75)).shape
    assert bands == 3 and max(sampled_hw) == 75
    np.testing.assert_array_equal(read_image(tmp_path / "a.svs").shape, full.shape)


def test_without_openslide_one_line_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "openslide", None)
    (tmp_path / "a.ndpi").write_bytes(b"II*\0")
    with pytest.raises(DataError, match=r"a\.ndpi: slides are read by OpenSlide: pip install .*\[slides\]"):
        read_image(tmp_path / "a.ndpi")


def test_what_is_no_slide_is_one_line(tmp_path: Path) -> None:
    pytest.importorskip("openslide")
    (tmp_path / "a.svs").write_bytes(b"not a slide")
    with pytest.raises(DataError, match=r"a\.svs: OpenSlide cannot read it"):
        read_image(tmp_path / "a.svs")
    with pytest.raises(DataError, match=r"b\.svs: there is no such file"):
        read_image(tmp_path / "b.svs")


def test_an_ome_tiff_of_rgb_is_read_like_any_image(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    full = smooth_image(200, 300)
    write_ome(tmp_path / "a.ome.tif", [full, halved(full)])

    assert sizes_of_levels(tmp_path / "a.ome.tif") == ((200, 300), (100, 150))
    assert pixel_size_of(tmp_path / "a.ome.tif") == PixelSize(0.25, 0.25, "um")
    np.testing.assert_array_equal(read_image(tmp_path / "a.ome.tif"), full)
    monkeypatch.setattr(raster, "LARGE", 1000)
    opened = open_raster(tmp_path / "a.ome.tif")
    assert isinstance(opened, WindowedImage)
    np.testing.assert_array_equal(opened[WINDOW.slices], full[WINDOW.slices])


@pytest.mark.parametrize("large", [1000, 10**9], ids=["by window", "whole"])
def test_channels_that_are_pages_are_bands(
    large: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(raster, "LARGE", large)
    full = smooth_image(200, 300, bands=5, dtype=np.uint16)
    write_channels(tmp_path / "a.ome.tif", [np.moveaxis(full, -1, 0), np.moveaxis(halved(full), -1, 0)])

    sample = Sample("a", tmp_path / "a.ome.tif", pixel_range=PixelRange(range=(0, 60000)))
    np.testing.assert_array_equal(read_sample(sample), full)
    assert (type_of_sample(sample).pixels, type_of_sample(sample).bands) == ("uint16", 5)
    assert pixel_size_of(sample.image) == PixelSize(0.5, 0.5, "um")
    with pytest.raises(DataError, match="has 5 bands of uint16"):
        read_image(sample.image)


def test_ome_tiffs_that_are_not_one_image_are_refused(tmp_path: Path) -> None:
    stack = np.zeros((3, 40, 50), dtype=np.uint8)
    tifffile.imwrite(tmp_path / "z.ome.tif", stack, metadata={"axes": "ZYX"}, photometric="minisblack")
    with pytest.raises(DataError, match=r"z\.ome\.tif: has 3 slices, and one image is read of a file"):
        read_image(tmp_path / "z.ome.tif")
    tifffile.imwrite(tmp_path / "t.ome.tif", stack, metadata={"axes": "TYX"}, photometric="minisblack")
    with pytest.raises(DataError, match=r"t\.ome\.tif: has 3 times"):
        read_image(tmp_path / "t.ome.tif")
    tifffile.imwrite(tmp_path / "x.ome.tif", stack[0], ome=False)
    with pytest.raises(
        DataError, match=r"x\.ome\.tif: is named as an OME-TIFF, and has no OME-XML that can be read"
    ):
        read_image(tmp_path / "x.ome.tif")


def test_pixel_sizes_of_tiffs(tmp_path: Path) -> None:
    image = smooth_image(40, 50)
    for name, options, side in (
        ("cm", {"resolution": (20_000, 20_000), "resolutionunit": "CENTIMETER"}, 0.5),
        ("inch", {"resolution": (50_800, 50_800), "resolutionunit": "INCH"}, 0.5),
        ("aperio", {"description": "Aperio|AppMag = 20|MPP = 0.4990", "metadata": None}, 0.499),
    ):
        tifffile.imwrite(tmp_path / f"{name}.tif", image, **options)
        assert pixel_size_of(tmp_path / f"{name}.tif") == PixelSize(side, side, "um")
    tifffile.imwrite(tmp_path / "dots.tif", image, resolution=(72, 72), resolutionunit="INCH")
    assert pixel_size_of(tmp_path / "dots.tif") is None
    tifffile.imwrite(tmp_path / "none.tif", image)
    assert pixel_size_of(tmp_path / "none.tif") is None
