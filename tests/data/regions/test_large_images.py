"""Large images of `val` are measured region by region; what is predicted stays whole."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from seg.data import open_split
from seg.data.images import raster
from seg.data.images.images import write_image, write_mask
from seg.data.images.raster import open_raster
from seg.data.images.read_sample import read_sample
from seg.data.regions import large_images
from seg.data.regions.large_images import cut_for_networks
from seg.data.splits.content_hash import content_keys, hash_of_images
from seg.spec.dataset.dataset import DatasetSpec

pytest.importorskip("rasterio")

SIZE_HW = (150, 200)


@pytest.fixture
def dataset(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> DatasetSpec:
    """A large image and a small one to validate on."""
    monkeypatch.setattr(raster, "LARGE", 10_000)
    monkeypatch.setattr(large_images, "MEASURED_SIDE", 80)
    monkeypatch.setattr(large_images, "NETWORK_SIDE", 30)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    rng = np.random.default_rng(0)
    for name, size_hw in (("large", SIZE_HW), ("small", (20, 30))):
        write_image(tmp_path / f"images/{name}.png", rng.integers(0, 256, (*size_hw, 3), dtype=np.uint8))
        write_mask(tmp_path / f"masks/{name}.png", rng.integers(0, 3, size_hw, dtype=np.uint8))
    split = {"images": tmp_path / "images", "masks": tmp_path / "masks"}
    return DatasetSpec.model_validate({"train": split, "val": split, "classes": ["a", "b", "c"]})


def test_every_pixel_is_measured_once_with_its_labels(dataset: DatasetSpec) -> None:
    whole, val = open_split(dataset, "predict"), open_split(dataset, "val")
    assert [sample.region for sample in whole.samples] == [None, None]
    assert [sample.id for sample in val.samples if not sample.region] == ["small"]

    seen: NDArray[np.uint8] = np.zeros(SIZE_HW, dtype=np.uint8)
    large_hw, large_hwc = whole.labels(0), open_raster(whole.samples[0].image)[:, :]
    for index, sample in enumerate(val.samples):
        if sample.region:
            seen[sample.region.slices] += 1
            assert max(sample.region.size_hw) <= 80
            np.testing.assert_array_equal(val.labels(index), large_hw[sample.region.slices])
            np.testing.assert_array_equal(read_sample(sample), large_hwc[sample.region.slices])
    assert (seen == 1).all()


def test_regions_are_small_enough_for_a_network(dataset: DatasetSpec) -> None:
    sizes = [s.region.size_hw for s in cut_for_networks(open_split(dataset, "val")).samples if s.region]
    assert max(map(max, sizes)) <= 30
    assert sum(height * width for height, width in sizes) == SIZE_HW[0] * SIZE_HW[1]


def test_regions_of_a_file_have_hashes_of_their_own(dataset: DatasetSpec) -> None:
    samples = open_split(dataset, "val").samples
    keys = content_keys(samples)
    assert len(set(keys)) == len(samples)
    assert keys == content_keys(open_split(dataset, "val").samples)
    before = hash_of_images(samples)
    write_image(samples[-1].image, np.zeros((20, 30, 3), np.uint8))
    assert hash_of_images(samples) != before
    changed = content_keys(samples)
    assert [a == b for a, b in zip(keys, changed, strict=True)] == [bool(s.region) for s in samples]


def test_threads_may_read_one_image(dataset: DatasetSpec) -> None:
    image = open_raster(open_split(dataset, "predict").samples[0].image)
    whole_hwc = image[:, :]
    places = [(slice(top, top + 40), slice(left, left + 50)) for top in range(110) for left in (0, 99, 150)]
    with ThreadPoolExecutor(8) as threads:
        for place, pixels_hwc in zip(places, threads.map(image.__getitem__, places), strict=True):
            np.testing.assert_array_equal(pixels_hwc, whole_hwc[place])
