"""A file of several images is refused; thumbnails and pyramids are no further images."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from seg.data.images.images import read_image, read_mask
from seg.errors import DataError

FRAMES = [Image.fromarray(np.full((12, 16, 3), 60 * n, np.uint8)) for n in range(3)]
MASKS = [Image.fromarray(np.full((12, 16), n, np.uint8)) for n in range(3)]


@pytest.mark.parametrize("suffix", [".tif", ".png", ".webp"])
def test_several_images_are_refused(suffix: str, tmp_path: Path) -> None:
    path = tmp_path / f"a{suffix}"
    FRAMES[0].save(path, save_all=True, append_images=FRAMES[1:])
    with pytest.raises(DataError, match="has several images, and one is read"):
        read_image(path)


def test_several_masks_are_refused(tmp_path: Path) -> None:
    MASKS[0].save(tmp_path / "a.tif", save_all=True, append_images=MASKS[1:])
    with pytest.raises(DataError, match="has several images"):
        read_mask(tmp_path / "a.tif")


@pytest.mark.parametrize("suffix", [".tif", ".png", ".webp"])
def test_one_image_is_read(suffix: str, tmp_path: Path) -> None:
    FRAMES[1].save(tmp_path / f"a{suffix}", lossless=True)
    assert (read_image(tmp_path / f"a{suffix}") == 60).all()


def test_a_thumbnail_is_no_further_image(tmp_path: Path) -> None:
    FRAMES[1].save(tmp_path / "a.tif", save_all=True, append_images=[FRAMES[2].resize((4, 3))])
    assert (read_image(tmp_path / "a.tif") == 60).all()


def test_a_pyramid_is_one_image(tmp_path: Path) -> None:
    rasterio = pytest.importorskip("rasterio")
    path = tmp_path / "a.tif"
    layout = {"driver": "GTiff", "width": 64, "height": 48, "count": 3, "dtype": "uint8"}
    layout["transform"] = rasterio.transform.Affine(2, 0, 0, 0, -2, 0)
    with rasterio.open(path, "w", **layout, photometric="rgb") as written:
        written.write(np.full((3, 48, 64), 60, np.uint8))
        written.write_mask(np.full((48, 64), 255, np.uint8))
        written.build_overviews([2, 4])
    assert (read_image(path) == 60).all()
