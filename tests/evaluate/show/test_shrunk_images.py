"""Large images as pictures, against those that are read whole."""

import json
from pathlib import Path

import numpy as np
import pytest

from seg.data import open_split
from seg.data.images import raster
from seg.data.images.images import read_image, write_image
from seg.engine import Ensemble
from seg.evaluate.show import shrunk_images
from seg.evaluate.show.contact_sheet import draw_ensemble_sheet
from seg.evaluate.show.shrunk_images import shrink_step_of, shrunk_labels, shrunk_picture, shrunk_prediction
from seg.spec import EnsembleSpec, load_ensemble

SIZE_HW = (203, 62)
STEP = 4


@pytest.fixture
def spec(project: Path, monkeypatch: pytest.MonkeyPatch) -> EnsembleSpec:
    """An image that counts as large, of which a picture is 51 pixels high, and a small one."""
    pytest.importorskip("rasterio")
    monkeypatch.setattr(raster, "LARGE", 1000)
    monkeypatch.setattr(shrunk_images, "MOST_SIDE", 51)
    monkeypatch.setattr(shrunk_images, "_ROWS", 7)
    rng = np.random.default_rng(3)
    for name, size_hw in (("large", SIZE_HW), ("small", (20, 30))):
        write_image(
            project.parent / f"slides/{name}.png", rng.integers(0, 256, (*size_hw, 3), dtype=np.uint8)
        )
    document = json.loads(project.read_text())
    document["data"]["predict"] = {"images": "slides"}
    document["tile"] = {"size": 32, "overlap": 0.4}
    project.write_text(json.dumps(document))
    return load_ensemble(project)


def test_a_pixel_of_the_picture_is_the_mean_of_a_square(spec: EnsembleSpec) -> None:
    large, small = open_split(spec.data, "predict").samples
    assert (shrink_step_of(large), shrink_step_of(small)) == (STEP, 1)
    image_hwc = read_image(large.image)[:200, :60].astype(np.float64)
    means_hwc = image_hwc.reshape(50, STEP, 15, STEP, 3).mean(axis=(1, 3))
    np.testing.assert_allclose(shrunk_picture(large, STEP), means_hwc, atol=1)
    np.testing.assert_array_equal(shrunk_picture(small, 1), read_image(small.image))


def test_a_label_is_that_in_the_middle_of_its_square(spec: EnsembleSpec) -> None:
    large, _ = open_split(spec.data, "predict").samples
    ensemble = Ensemble.load(spec)
    whole_hw = ensemble.predict(read_image(large.image)).labels
    expected_hw = whole_hw[:200, :60].reshape(50, STEP, 15, STEP)[:, 2, :, 2]
    np.testing.assert_array_equal(shrunk_labels(whole_hw, STEP), expected_hw)
    np.testing.assert_array_equal(shrunk_prediction(ensemble, large, STEP), expected_hw)


def test_a_sheet_has_large_images_and_others(spec: EnsembleSpec, tmp_path: Path) -> None:
    draw_ensemble_sheet(spec, tmp_path / "sheet.png", [], 2)
    assert read_image(tmp_path / "sheet.png").shape[0] > 51 + 20
