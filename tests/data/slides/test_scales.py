"""Images and labels at a resolution or level: windows are those of the whole, which OpenCV resamples, too."""

from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import tifffile
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from seg.data import open_split
from seg.data.images import read_sample as reading
from seg.data.images.band_file import silence_georeferencing_warnings
from seg.data.images.read_sample import open_sample, read_sample, size_of_sample
from seg.data.images.scaled_image import ScaledImage
from seg.data.regions import area_resampling
from seg.data.regions.region import Region
from seg.data.regions.resized_labels import ResizedLabels
from seg.data.splits.content_hash import content_keys
from seg.data.splits.split import Sample
from seg.errors import DataError
from seg.read_scale import ReadScale
from seg.spec.dataset.dataset import DatasetSpec
from tests.data.slides.drawn_slides import halved, smooth_image, write_ome

pytest.importorskip("rasterio")

sides = st.integers(1, 40)


def noise(*shape: int, dtype: Any = np.uint8) -> NDArray[Any]:
    return np.random.default_rng(0).integers(0, 200, size=shape).astype(dtype)


@st.composite
def windows(draw: st.DrawFn) -> tuple[tuple[int, int], tuple[int, int], Region]:
    """The sizes of an image and of the same at another scale, and a window of that."""
    of_hw, size_hw = (draw(sides), draw(sides)), (draw(sides), draw(sides))
    top, left = draw(st.integers(0, size_hw[0] - 1)), draw(st.integers(0, size_hw[1] - 1))
    region = Region(top, left, draw(st.integers(1, 40)), draw(st.integers(1, 40)))
    return of_hw, size_hw, region.intersection(Region.whole(size_hw))


@given(windows(), st.sampled_from([np.uint8, np.uint16, np.float32]))
@settings(deadline=None)
def test_a_window_is_cut_from_the_whole_resampled(given_: Any, dtype: Any) -> None:
    of_hw, size_hw, window = given_
    scaled = ScaledImage(noise(*of_hw, 2, dtype=dtype), size_hw)
    np.testing.assert_array_equal(scaled[window.slices], scaled[:, :][window.slices])
    labels = noise(*of_hw)
    np.testing.assert_array_equal(
        ResizedLabels(labels, size_hw)[window.slices], ResizedLabels(labels, size_hw)[:, :][window.slices]
    )


@given(windows())
@settings(deadline=None)
def test_pixels_are_means_of_what_they_cover(given_: Any) -> None:
    """Against each image enlarged to a common multiple of both sizes, whose blocks are averaged."""
    of_hw, size_hw, _ = given_
    image = noise(*of_hw, 1, dtype=np.float32)
    common = np.repeat(np.repeat(image[..., 0], size_hw[0], axis=0), size_hw[1], axis=1)
    means = common.reshape(size_hw[0], of_hw[0], size_hw[1], of_hw[1]).mean(axis=(1, 3), dtype=np.float64)
    np.testing.assert_allclose(ScaledImage(image, size_hw)[:, :][..., 0], means, rtol=1e-5)


def test_a_large_window_is_resampled_in_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    image = noise(230, 310, 3)
    whole = ScaledImage(image, (60, 80))[:, :]
    labels = ResizedLabels(image[..., 0], (60, 80))[:, :]
    monkeypatch.setattr(area_resampling, "_AT_ONCE", 2000)
    np.testing.assert_array_equal(ScaledImage(image, (60, 80))[:, :], whole)
    np.testing.assert_array_equal(ResizedLabels(image[..., 0], (60, 80))[:, :], labels)
    by_opencv = cv2.resize(image, (80, 60), interpolation=cv2.INTER_AREA)
    assert np.abs(whole.astype(int) - by_opencv).max() <= 1


def test_pixels_that_lack_data_spread_no_further_than_they_reach() -> None:
    image = np.ones((8, 8, 1), dtype=np.float32)
    image[3, 3] = np.nan
    missing = np.isnan(ScaledImage(image, (4, 4))[:, :][..., 0])
    assert np.argwhere(missing).tolist() == [[1, 1]]


@pytest.fixture
def slide(tmp_path: Path) -> Path:
    full = smooth_image(400, 600)
    write_ome(tmp_path / "a.ome.tif", [full, halved(full), halved(halved(full))])
    return tmp_path / "a.ome.tif"


@pytest.mark.parametrize(
    ("scale", "size_hw", "level"),
    [
        (ReadScale(resolution=0.25), (400, 600), 0),
        (ReadScale(resolution=0.5), (200, 300), 1),
        (ReadScale(resolution=0.501), (200, 300), 1),
        (ReadScale(resolution=0.8), (125, 188), 1),
        (ReadScale(resolution=0.15), (667, 1000), 0),
        (ReadScale(resolution=4, pixel_size=1), (100, 150), 2),
        (ReadScale(level=2), (100, 150), 2),
    ],
)
def test_the_nearest_level_that_is_not_coarser_is_read(
    scale: ReadScale, size_hw: tuple[int, int], level: int, slide: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened = []
    open_level = reading._open_sample_at_level

    def noting(sample: Sample, number: int) -> Any:
        opened.append(number)
        return open_level(sample, number)

    monkeypatch.setattr(reading, "_open_sample_at_level", noting)
    sample = Sample("a", slide, scale=scale)
    assert size_of_sample(sample) == size_hw
    image = read_sample(sample)
    assert opened == [level]
    by_opencv = cv2.resize(smooth_image(400, 600), size_hw[::-1], interpolation=cv2.INTER_AREA)
    assert image.shape == by_opencv.shape
    assert np.abs(image.astype(int) - by_opencv).max() <= 3
    np.testing.assert_array_equal(open_sample(sample)[20:50, 30:90], image[20:50, 30:90])


def test_overviews_of_a_cog_are_levels(tmp_path: Path) -> None:
    import rasterio
    from rasterio.enums import Resampling
    from rasterio.transform import Affine

    image = smooth_image(256, 384)
    place = {"crs": "EPSG:32633", "transform": Affine(10, 0, 500_000, 0, -10, 5_000_000)}
    layout = {"driver": "GTiff", "height": 256, "width": 384, "count": 3, "dtype": "uint8", **place}
    with rasterio.open(tmp_path / "a.tif", "w", **layout) as file:
        file.write(image.transpose(2, 0, 1))
        file.build_overviews([2, 4], Resampling.average)
    sample = Sample("a", tmp_path / "a.tif", scale=ReadScale(resolution=20))
    assert np.abs(read_sample(sample).astype(int) - halved(image)).max() <= 1
    assert size_of_sample(Sample("a", tmp_path / "a.tif", scale=ReadScale(level=2))) == (64, 96)


def test_a_level_of_an_image_with_alpha_is_read_without_it(tmp_path: Path) -> None:
    import rasterio
    from rasterio.enums import Resampling

    silence_georeferencing_warnings()
    image = smooth_image(256, 384)
    layout = {"driver": "GTiff", "height": 256, "width": 384, "count": 4, "dtype": "uint8"}
    with rasterio.open(tmp_path / "a.tif", "w", **layout, photometric="rgb", alpha="yes") as file:
        file.write(np.concatenate([image.transpose(2, 0, 1), np.full((1, 256, 384), 255, np.uint8)]))
        file.build_overviews([2], Resampling.average)
    found = read_sample(Sample("a", tmp_path / "a.tif", scale=ReadScale(level=1)))
    assert np.abs(found.astype(int) - halved(image)).max() <= 1


@pytest.mark.parametrize(
    ("scale", "problem"),
    [
        (ReadScale(level=3), r"a\.ome\.tif: has 3 levels, counted from 0, and 'level: 3' is wanted"),
        (ReadScale(resolution=1e5), r"pixels, of which 1x1 would be left at 'resolution: 100000'"),
        (ReadScale(resolution=0.5, pixel_size=1e-6), "is it in the unit of the file's pixels"),
        (ReadScale(resolution=0.1), r"has pixels of 0\.25 µm, and 'resolution: 0\.1' is much finer"),
    ],
)
def test_a_scale_that_is_not_there_is_refused(scale: ReadScale, problem: str, slide: Path) -> None:
    with pytest.raises(DataError, match=problem):
        read_sample(Sample("a", slide, scale=scale))


def test_a_file_that_does_not_say_its_pixel_size_is_refused(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "a.tif", smooth_image(40, 60))
    with pytest.raises(
        DataError, match=r"a\.tif: does not say how large its pixels are, .*: add 'pixel_size'"
    ):
        read_sample(Sample("a", tmp_path / "a.tif", scale=ReadScale(resolution=1)))
    scale = ReadScale(resolution=1, pixel_size=0.5)
    assert read_sample(Sample("a", tmp_path / "a.tif", scale=scale)).shape == (20, 30, 3)


def test_another_scale_is_another_image(slide: Path) -> None:
    scales = None, ReadScale(resolution=0.5), ReadScale(level=1), ReadScale(level=2)
    assert len(set(content_keys([Sample("a", slide, scale=scale) for scale in scales]))) == len(scales)


def test_labels_are_scaled_with_their_images(slide: Path, tmp_path: Path) -> None:
    labels = np.zeros((400, 600), dtype=np.uint8)
    labels[100:200, 300:420] = 1
    (tmp_path / "masks").mkdir()
    tifffile.imwrite(tmp_path / "masks/a.ome.tif", labels)
    (tmp_path / "table.csv").write_text(
        "id,rle\na.ome," + " ".join(f"{300 + 600 * y} 120" for y in range(100, 200))
    )
    columns = {"id": "id", "runs": "rle"}
    table = {"file": tmp_path / "table.csv", "order": "rows", "first": 0, "columns": columns}
    for where in ({"masks": tmp_path / "masks"}, {"labels": table}):
        data = {
            "train": {"images": slide, **where},
            "classes": ["a", "b"],
            "unlabelled": "a",
            "resolution": 1,
        }
        split = open_split(DatasetSpec.model_validate(data), "train")
        assert split.samples[0].scale == ReadScale(resolution=1)
        np.testing.assert_array_equal(split.labels(0), labels[2::4, 2::4])
        np.testing.assert_array_equal(split.open_labels(0)[20:30, 70:80], labels[2::4, 2::4][20:30, 70:80])
