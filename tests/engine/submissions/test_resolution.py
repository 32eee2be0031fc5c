"""Submissions of images that are predicted at another resolution: each in the pixels that it is about."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from pycocotools import mask as coco_mask
from typer.testing import CliRunner

from seg.commands.app import app
from seg.data.images.images import read_mask, write_image
from seg.engine.jobs.predict import run_ensemble
from seg.errors import OutputError
from seg.spec import load_ensemble
from tests.data.slides.drawn_slides import halved, smooth_image, write_ome
from tests.engine.tiny_models import CLASSES

rasterio = pytest.importorskip("rasterio")

FULL = smooth_image(120, 201)
HALF = halved(FULL)
"""100 columns: the last half pixel of the full resolution is left out by OpenCV, as by scanners."""

ROWS, COLUMNS = np.arange(120) * 60 // 120, (2 * np.arange(201) + 1) * 100 // 402
"""The pixel of the half resolution at the middle of each of the full one."""


@pytest.fixture
def at_half(project: Path) -> Path:
    """A spec that predicts a slide of 0.25 micrometres a pixel at 0.5, in tiles."""
    (project.parent / "slides").mkdir()
    write_ome(project.parent / "slides/a.ome.tif", [FULL, HALF])
    spec = json.loads(project.read_text())
    spec["data"] |= {"predict": {"images": "slides"}, "resolution": 0.5, "unlabelled": "ground"}
    project.write_text(json.dumps(spec | {"tile": {"size": 32}}))
    return project


def predicted(project: Path, name: str, **output: Any) -> Path:
    """The submission in a format."""
    spec = json.loads(project.read_text())
    spec["output"] = {"file": f"{name}-out", "format": name, **output}
    path = project.with_name(f"{name}.yaml")
    path.write_text(json.dumps(spec))
    run_ensemble(load_ensemble(path))
    return project.parent / f"{name}-out"


def labels_of_half(project: Path) -> NDArray[np.uint8]:
    """The class ids that the same models give an image of the half resolution."""
    (project.parent / "half").mkdir(exist_ok=True)
    write_image(project.parent / "half/a.png", HALF)
    spec = json.loads(project.read_text())
    spec["data"] = {**spec["data"], "predict": {"images": "half"}}
    del spec["data"]["resolution"]
    spec["output"] = {"file": "half-out", "format": "png"}
    path = project.with_name("half.yaml")
    path.write_text(json.dumps(spec))
    run_ensemble(load_ensemble(path))
    return read_mask(project.parent / "half-out/a.png")


def test_masks_are_of_the_resolution_that_is_predicted_at(at_half: Path) -> None:
    expected = labels_of_half(at_half)
    assert len(np.unique(expected)) > 1
    np.testing.assert_array_equal(read_mask(predicted(at_half, "png") / "a.ome.png"), expected)
    with rasterio.open(predicted(at_half, "geotiff") / "a.ome.tif") as file:
        np.testing.assert_array_equal(file.read(1), expected)


def test_tables_and_outlines_are_of_the_full_resolution(at_half: Path) -> None:
    expected = labels_of_half(at_half)[ROWS][:, COLUMNS]
    full = np.zeros_like(expected)
    for entry in json.loads(predicted(at_half, "coco").read_text()):
        full[coco_mask.decode(entry["segmentation"]) > 0] = entry["category_id"]
    full[full == 0] = CLASSES[0].id
    np.testing.assert_array_equal(full, expected)

    document = json.loads((predicted(at_half, "geojson") / "a.ome.geojson").read_text())
    drawn = np.full(expected.shape, CLASSES[0].id, dtype=np.uint8)
    shapes = [(one["geometry"], one["properties"]["class_id"]) for one in document["features"]]
    rasterio.features.rasterize(shapes, out=drawn)
    np.testing.assert_array_equal(drawn, expected)
    area = sum(one["properties"]["area_um2"] for one in document["features"])
    covered = (labels_of_half(at_half) != CLASSES[0].id).mean()
    assert area == pytest.approx(covered * 120 * 201 * 0.25**2, rel=1e-3)


def test_a_table_is_checked_converted_and_judged_at_the_full_resolution(at_half: Path) -> None:
    expected = labels_of_half(at_half)
    table = predicted(at_half, "kaggle")
    spec = at_half.with_name("kaggle.yaml")
    folder = at_half.parent
    for arguments in (
        ["check", spec, table, "--no-images"],
        ["convert", spec, table, "--to", "coco", "-o", folder / "converted.json"],
        ["convert", spec, table, "--to", "png", "-o", folder / "converted"],
    ):
        answer = CliRunner().invoke(app, ["submission", *map(str, arguments)])
        assert answer.exit_code == 0, answer.output
    assert (folder / "converted.json").read_bytes() == predicted(at_half, "coco").read_bytes()
    np.testing.assert_array_equal(read_mask(folder / "converted/a.ome.png"), expected[ROWS][:, COLUMNS])


def test_another_resolution_is_another_run(at_half: Path) -> None:
    assert read_mask(predicted(at_half, "png") / "a.ome.png").shape == (60, 100)
    at_half.write_text(at_half.read_text().replace('"resolution": 0.5', '"resolution": 1'))
    with pytest.raises(OutputError, match="belongs to a run with other models, views, weights or images"):
        predicted(at_half, "png")
