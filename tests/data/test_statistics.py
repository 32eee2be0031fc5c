"""Statistics of bands against numpy on all pixels at once."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from seg.data.splits.split import Sample
from seg.data.statistics import split_statistics
from seg.errors import DataError
from seg.pixel_range import PixelRange


def samples(folder: Path, images: Sequence[NDArray[Any]]) -> list[Sample]:
    for number, image in enumerate(images):
        np.save(folder / f"{number}.npy", image)
    seen = PixelRange(range=(0, 1))
    return [Sample(str(n), folder / f"{n}.npy", pixel_range=seen) for n in range(len(images))]


def test_statistics_are_those_of_all_pixels(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    images = [random.normal(500, 300, (30, 20 + 7 * n, 4)).astype(np.float32) for n in range(3)]
    images[0][:5, :5, 1] = np.nan
    seen = PixelRange(bands=(4, 2), range=(100, 900))
    found = split_statistics(samples(tmp_path, images), seen)
    pixels = np.concatenate([image.reshape(-1, 4) for image in images]).astype(np.float64)
    for band in found.bands:
        values = pixels[:, band.band - 1]
        known = values[~np.isnan(values)]
        assert (band.least, band.most) == (known.min(), known.max())
        assert band.without_data == pytest.approx(np.isnan(values).mean())
        np.testing.assert_allclose((band.low, band.high), np.percentile(known, (1, 99)), rtol=1e-6)
        scaled = np.clip((known - 100) / 800, 0, 1)
        is_seen = band.band in (4, 2)
        assert band.mean == (pytest.approx(scaled.mean()) if is_seen else None)
        assert band.std == (pytest.approx(scaled.std()) if is_seen else None)
    fourth, second = found.bands[3], found.bands[1]
    line = found.recipe_line()
    means = [float(part) for part in line.split("[")[1].split("]")[0].split(",")]
    assert means == [pytest.approx(one.mean, abs=5e-5) for one in (fourth, second)]
    assert line.startswith("input: { mean: [") and line.endswith("] }")


def test_other_bands_and_no_images_are_refused(tmp_path: Path) -> None:
    images = [np.zeros((4, 4, 3), np.uint16), np.zeros((4, 4, 2), np.uint16)]
    with pytest.raises(DataError, match=r"1\.npy: has 2 bands, and the first image 3"):
        split_statistics(samples(tmp_path, images), PixelRange(range=(0, 1)))
    with pytest.raises(DataError, match="no images"):
        split_statistics([], None)
