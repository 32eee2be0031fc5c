"""Outlines as GeoJSON: with holes, areas and coordinates; drawn again by OpenCV and by our own importer."""

import json
import math
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from seg.data import open_split
from seg.data.importers.write import import_dataset
from seg.engine.submissions import open_submission_format
from seg.engine.submissions.base import FormatByRegion, SubmissionFormat
from seg.errors import DataError, SpecError
from seg.labels.label_map import IGNORE_INDEX
from seg.spec import load_dataset
from seg.spec.ensemble.output import OutputSpec
from seg.spec.yaml.source import validate_values
from tests.engine.tiny_models import CLASSES

rasterio = pytest.importorskip("rasterio")

pytestmark = pytest.mark.filterwarnings("ignore::rasterio.errors.NotGeoreferencedWarning")

SIZE_HW = (60, 80)


def form_of(image: Path | str = "nowhere", **output: Any) -> SubmissionFormat:
    return open_submission_format(
        OutputSpec(format="geojson", **output), CLASSES, "ground", lambda _: str(image)
    )


def features_of(folder: Path) -> list[dict[str, Any]]:
    document = json.loads((folder / "x.geojson").read_text())
    assert document["type"] == "FeatureCollection"
    features: list[dict[str, Any]] = document["features"]
    return features


def ring_with_a_hole() -> NDArray[np.uint8]:
    labels_hw = np.zeros(SIZE_HW, dtype=np.uint8)
    labels_hw[10:40, 20:60] = 2
    labels_hw[20:30, 30:50] = 0
    labels_hw[22:25, 35:40] = 3
    labels_hw[50, 70] = IGNORE_INDEX
    return labels_hw


def with_background() -> NDArray[np.uint8]:
    """The same as it is read: pixels of no class have no outline, either."""
    labels_hw = ring_with_a_hole()
    labels_hw[labels_hw == IGNORE_INDEX] = 0
    return labels_hw


def write_tiff(path: Path, **options: Any) -> Path:
    tags = options.pop("tags", {})
    layout = {"driver": "GTiff", "dtype": "uint8", "count": 3, "height": SIZE_HW[0], "width": SIZE_HW[1]}
    with rasterio.open(path, "w", **layout, **options) as file:
        file.write(np.zeros((3, *SIZE_HW), np.uint8))
        file.update_tags(**tags)
    return path


def test_holes_stay_holes_and_the_background_has_no_outline(tmp_path: Path) -> None:
    form_of().write(tmp_path / "out", [("x", ring_with_a_hole())])
    by_name = {one["properties"]["classification"]["name"]: one for one in features_of(tmp_path / "out")}
    assert set(by_name) == {CLASSES[2].name, CLASSES[3].name}
    outer, hole = by_name[CLASSES[2].name]["geometry"]["coordinates"]
    assert sorted(map(tuple, outer[:-1])) == [(20, 10), (20, 40), (60, 10), (60, 40)]
    assert sorted(map(tuple, hole[:-1])) == [(30, 20), (30, 30), (50, 20), (50, 30)]
    assert outer[0] == outer[-1]
    properties = by_name[CLASSES[2].name]["properties"]
    assert properties["pixels"] == 30 * 40 - 10 * 20
    assert properties["class_id"] == CLASSES[2].id
    assert properties["classification"]["color"] == list(CLASSES[2].colour)
    assert "area_m2" not in properties


def test_areas_of_slides_and_of_land(tmp_path: Path) -> None:
    slide = write_tiff(
        tmp_path / "slide.tif",
        tags={"TIFFTAG_RESOLUTIONUNIT": "3", "TIFFTAG_XRESOLUTION": "20000", "TIFFTAG_YRESOLUTION": "20000"},
    )
    form_of(slide).write(tmp_path / "slide", [("x", ring_with_a_hole())])
    assert features_of(tmp_path / "slide")[0]["properties"].get("area_um2") in (
        pytest.approx(15 * 0.25),
        pytest.approx(1000 * 0.25),
    )

    place = rasterio.Affine(0.5, 0, 372_000, 0, -0.5, 5_805_000)
    land = write_tiff(tmp_path / "land.tif", crs="EPSG:32633", transform=place)
    form_of(land).write(tmp_path / "land", [("x", ring_with_a_hole())])
    document = json.loads((tmp_path / "land/x.geojson").read_text())
    assert document["crs"]["properties"]["name"] == "EPSG:32633"
    largest = max(document["features"], key=lambda one: one["properties"]["pixels"])
    assert largest["properties"]["area_m2"] == pytest.approx(1000 * 0.25)
    xs, ys = zip(*largest["geometry"]["coordinates"][0], strict=True)
    assert (min(xs), max(xs)) == (372_010, 372_030)
    assert (min(ys), max(ys)) == (5_804_980, 5_804_995)
    [(_, back_hw)] = form_of(land).read(tmp_path / "land", lambda _: SIZE_HW)
    np.testing.assert_array_equal(back_hw, with_background())


def test_an_image_of_72_dots_an_inch_has_no_area(tmp_path: Path) -> None:
    tags = {"TIFFTAG_RESOLUTIONUNIT": "2", "TIFFTAG_XRESOLUTION": "72", "TIFFTAG_YRESOLUTION": "72"}
    scan = write_tiff(tmp_path / "scan.tif", tags=tags)
    form_of(scan).write(tmp_path / "out", [("x", ring_with_a_hole())])
    for feature in features_of(tmp_path / "out"):
        assert not any(key.startswith("area") for key in feature["properties"])


def disc() -> NDArray[np.uint8]:
    labels_hw = np.zeros((300, 300), dtype=np.uint8)
    cv2.circle(labels_hw, (150, 150), 100, 1, -1)
    return labels_hw


def test_simplified_outlines_have_few_corners_and_the_exact_area(tmp_path: Path) -> None:
    form_of(simplify=1.5).write(tmp_path / "out", [("x", disc())])
    (feature,) = features_of(tmp_path / "out")
    (outer,) = feature["geometry"]["coordinates"]
    assert len(outer) < 40
    assert feature["properties"]["pixels"] == disc().sum()
    distances = [abs(math.dist(corner, (150.5, 150.5)) - 100) for corner in outer]
    assert max(distances) < 3


@settings(deadline=None, max_examples=15)
@given(seed=st.integers(0, 999))
def test_by_region_is_as_in_memory(tmp_path_factory: pytest.TempPathFactory, seed: int) -> None:
    class ByRegion:
        shape = (40, 30)

        def __getitem__(self, place: tuple[slice, slice], /) -> NDArray[np.uint8]:
            return labels_hw[place]

    labels_hw = np.kron(np.random.default_rng(seed).integers(0, 4, (8, 6)), np.ones((5, 5))).astype(np.uint8)
    folder = tmp_path_factory.mktemp("out")
    form = form_of()
    assert isinstance(form, FormatByRegion)
    form.write_by_region(folder / "a", [("x", ByRegion())])
    form.write(folder / "b", [("x", labels_hw)])
    assert (folder / "a/x.geojson").read_bytes() == (folder / "b/x.geojson").read_bytes()


def test_our_own_importer_reads_it(tmp_path: Path) -> None:
    (tmp_path / "source").mkdir()
    write_tiff(tmp_path / "source/x.tif", compress="deflate")
    form_of().write(tmp_path / "out", [("x", ring_with_a_hole())])
    (tmp_path / "out/x.geojson").rename(tmp_path / "source/x.geojson")
    import_dataset("geojson", tmp_path / "source", tmp_path / "coco")
    split = open_split(load_dataset(tmp_path / "coco/dataset.yaml"), "train")
    names = np.array([c.name for c in split.classes])
    expected = np.array(["background", *(c.name for c in CLASSES[1:])])[with_background()]
    np.testing.assert_array_equal(names[split.labels(0)], expected)


@pytest.mark.parametrize("text", ["", "[]", '{"features": [{"geometry": null}]}', '{"features": 3}'])
def test_what_is_no_geojson_is_one_line(text: str, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out/x.geojson").write_text(text)
    with pytest.raises(DataError, match=r"x\.geojson: has no outlines of these classes"):
        list(form_of().read(tmp_path / "out", lambda _: SIZE_HW))


def test_keys_that_do_not_suit_are_refused() -> None:
    with pytest.raises(SpecError, match="remove 'size'"):
        validate_values(OutputSpec, {"format": "geojson", "size": 10})
    with pytest.raises(SpecError, match="'simplify' has no meaning for format png"):
        validate_values(OutputSpec, {"format": "png", "simplify": 1})
