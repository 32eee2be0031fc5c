"""VIA: exports of each form, drawn by OpenCV, and which attribute of a region is its class."""

import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from typer.testing import CliRunner

from seg.commands.app import app
from seg.data import open_split
from seg.data.importers import import_dataset
from seg.errors import DataError
from seg.spec import load_dataset
from tests.data.importers.sources import image_at, json_at, via_csv_at

WIDTH, HEIGHT = 90, 70
Region = tuple[Mapping[str, Any], Mapping[str, Any]]

TRIANGLE_XY = [(5, 4), (34.5, 10), (8, 29.5)]
TRIANGLE = {"name": "polygon", "all_points_x": [5, 34.5, 8], "all_points_y": [4, 10, 29.5]}
RECT = {"name": "rect", "x": 60, "y": 5, "width": 50, "height": 12}
"""Leaves the image on the right."""
CIRCLE = {"name": "circle", "cx": 20, "cy": 50, "r": 12.5}
ELLIPSE = {"name": "ellipse", "cx": 60, "cy": 45, "rx": 24, "ry": 8, "theta": 0.6}
POLYLINE = {"name": "polyline", "all_points_x": [1, 9, 9], "all_points_y": [1, 1, 9]}
POINT = {"name": "point", "cx": 1, "cy": 1}

REGIONS: list[Region] = [
    (TRIANGLE, {"label": "triangle", "note": "x"}),
    (RECT, {"label": "rect", "note": ""}),
    (CIRCLE, {"label": {"round": True, "rect": False}}),
    (ELLIPSE, {"label": "oval"}),
    (POLYLINE, {"label": "rect"}),
    (POINT, {"label": "rect"}),
]


def by_opencv(name: str) -> Any:
    """The mask of a class, drawn 16 times as fine, and true where the centre of a pixel is covered."""
    scale = 16
    fine = np.zeros((HEIGHT * scale, WIDTH * scale), np.uint8)
    if name == "triangle":
        cv2.fillPoly(fine, [(np.array(TRIANGLE_XY) * scale).astype(np.int32)], 1)
    elif name == "rect":
        cv2.rectangle(fine, (60 * scale, 5 * scale), (110 * scale - 1, 17 * scale - 1), 1, -1)
    elif name == "round":
        cv2.circle(fine, (20 * scale, 50 * scale), int(12.5 * scale), 1, -1)
    else:
        degrees = float(np.degrees(0.6))
        cv2.ellipse(fine, (60 * scale, 45 * scale), (24 * scale, 8 * scale), degrees, 0, 360, 1, -1)
    return fine[scale // 2 :: scale, scale // 2 :: scale].astype(bool)


def listed(regions: Sequence[Region], *, numbered: bool = False) -> Any:
    entries = [{"shape_attributes": shape, "region_attributes": attributes} for shape, attributes in regions]
    return {str(number): one for number, one in enumerate(entries)} if numbered else entries


def via_json_at(path: Path, regions: Sequence[Region], name: str = "a.png", **form: bool) -> None:
    image = {"filename": name, "size": 9, "regions": listed(regions, **form), "file_attributes": {}}
    empty = {"filename": "empty.png", "size": 7, "regions": listed([], **form), "file_attributes": {}}
    json_at(path, {f"{name}9": image, "empty.png7": empty})


def write_form(folder: Path, form: str) -> None:
    if form == "csv":
        rows = [("photos/a.png", *region) for region in REGIONS]
        via_csv_at(folder / "via.csv", [*rows, ("photos/empty.png", {}, {})])
        return
    via_json_at(folder / "via.json", REGIONS, numbered=form == "json of VIA 1")
    if form == "project":
        images = json.loads((folder / "via.json").read_text())
        json_at(folder / "via.json", {"_via_settings": {}, "_via_img_metadata": images})


@pytest.mark.parametrize("form", ["json", "json of VIA 1", "project", "csv"])
def test_each_form_is_guessed_imported_and_checked_as_opencv_draws_it(form: str, tmp_path: Path) -> None:
    for name in ("a", "empty"):
        image_at(tmp_path / f"in/photos/{name}.png", WIDTH, HEIGHT)
    write_form(tmp_path / "in", form)
    guessed = CliRunner().invoke(app, ["data", "guess", str(tmp_path / "in")])
    assert "seg data import via" in guessed.output
    command = ["data", "import", "via", str(tmp_path / "in"), str(tmp_path / "out")]
    done = CliRunner().invoke(app, command)
    assert done.exit_code == 0, done.output
    assert "train: 2 images, 4 objects" in done.output
    assert {line for line in done.output.splitlines() if "dropped" in line} == {
        "dropped: 1 x point, which has no area",
        "dropped: 1 x polyline, which has no area",
    }
    checked = CliRunner().invoke(app, ["data", "check", str(tmp_path / "out/dataset.yaml")])
    assert checked.exit_code == 0, checked.output
    dataset = load_dataset(tmp_path / "out/dataset.yaml").model_copy(update={"val": None})
    split = open_split(dataset, "train")
    labels_hw = split.labels(0)
    for label, one in enumerate(split.classes):
        if one.name != "background":
            # Pixels on an outline are of either, by the rules of pycocotools and of OpenCV.
            expected_hw = by_opencv(one.name).astype(np.uint8)
            inner_hw = cv2.erode(expected_hw, np.ones((3, 3), np.uint8), borderValue=1)
            outer_hw = cv2.dilate(expected_hw, np.ones((3, 3), np.uint8))
            found_hw = labels_hw == label
            assert np.all(found_hw[inner_hw > 0]) and not np.any(found_hw[outer_hw == 0])
            assert abs(int(found_hw.sum()) - int(expected_hw.sum())) <= 0.03 * expected_hw.sum(), one.name
    assert len(np.unique(labels_hw)) == 5
    assert len(np.unique(split.labels(1))) == 1


def test_train_and_val_have_files_of_their_own_with_images_of_the_same_name(tmp_path: Path) -> None:
    """As in the balloons of Mask R-CNN, whose regions have no attribute."""
    for split in ("train", "val"):
        image_at(tmp_path / f"in/{split}/a.png", WIDTH, HEIGHT)
        image_at(tmp_path / f"in/{split}/empty.png", WIDTH, HEIGHT)
        regions: list[Region] = [(TRIANGLE if split == "train" else CIRCLE, {})]
        via_json_at(tmp_path / f"in/{split}/via_region_data.json", regions, numbered=True)
    report = import_dataset("via", tmp_path / "in", tmp_path / "out")
    assert (report.images, report.classes) == ({"train": 2, "val": 2}, {"object": 1})
    areas = [
        json.loads((tmp_path / f"out/{s}.json").read_text())["annotations"][0]["area"] for s in report.images
    ]
    expected = [by_opencv("triangle").sum(), by_opencv("round").sum()]
    np.testing.assert_allclose(areas, expected, rtol=0.03)


def imported_classes(folder: Path, regions: Sequence[Region]) -> list[str]:
    image_at(folder / "in/a.png", WIDTH, HEIGHT)
    via_json_at(folder / "in/via.json", regions)
    return list(import_dataset("via", folder / "in", folder / "out").classes)


@pytest.mark.parametrize(
    ("attributes", "classes"),
    [
        ({"shape": "leaf"}, ["leaf"]),
        ({"shape": 7}, ["7"]),
        ({"colour": "red", "Type": "leaf"}, ["leaf"]),
        ({"name": "leaf 4", "type": "x", "class": "leaf"}, ["leaf"]),
        ({"class": {"leaf": True, "wet": True, "dry": False}}, ["leaf", "wet"]),
    ],
)
def test_the_class_is_the_only_attribute_or_the_one_named_so(
    attributes: Mapping[str, Any], classes: list[str], tmp_path: Path
) -> None:
    assert imported_classes(tmp_path, [(TRIANGLE, attributes)]) == classes


@pytest.mark.parametrize("attributes", [{"colour": "red", "shape": "leaf"}, {"name": "a", "type": "leaf"}])
def test_attributes_of_which_none_is_surely_the_class_are_named(
    attributes: Mapping[str, Any], tmp_path: Path
) -> None:
    named = re.escape(", ".join(map(repr, attributes)))
    with pytest.raises(DataError, match=f"have the attributes {named}, .* rename that to 'class'"):
        imported_classes(tmp_path, [(TRIANGLE, attributes)])
    assert not (tmp_path / "out").exists()


def test_an_attribute_without_a_value_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no region has a value of 'leaf', which is its class: give each one"):
        imported_classes(tmp_path, [(TRIANGLE, {"leaf": ""}), (CIRCLE, {"leaf": {"wet": False}})])


def test_two_files_that_contradict_each_other_are_refused(tmp_path: Path) -> None:
    via_csv_at(image_at(tmp_path / "in/a.png").with_name("b.csv"), [("a.png", RECT, {})])
    with pytest.raises(DataError, match=r"via\.json: has other regions of .*a\.png than .*b\.csv"):
        imported_classes(tmp_path, [(TRIANGLE, {})])
    import_dataset("via", tmp_path / "in/b.csv", tmp_path / "out")


@pytest.mark.parametrize(
    "shape",
    [
        {},
        {"name": "rect", "x": 1, "y": 1, "width": None, "height": 3},
        {"name": "polygon", "all_points_x": [1, 2, 3], "all_points_y": [1, 2]},
        {"name": "circle", "cx": "x", "cy": 1, "r": 2},
        {"name": "ellipse", "cx": 1, "cy": 1, "rx": 2, "ry": 2, "theta": float("inf")},
    ],
)
def test_a_damaged_shape_is_one_line_with_its_image(shape: Mapping[str, Any], tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"via\.json: 'a\.png': is not as VIA writes it") as caught:
        imported_classes(tmp_path, [(shape, {})])
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("cell", ["{", "7", "[" * 100_000])
def test_a_damaged_row_is_one_line_with_its_number(cell: str, tmp_path: Path) -> None:
    image_at(tmp_path / "in/a.png")
    via_csv_at(tmp_path / "in/via.csv", [("a.png", RECT, {})])
    text = (tmp_path / "in/via.csv").read_text()
    (tmp_path / "in/via.csv").write_text(f'#{text}a.png,9,"{{}}",1,0,{cell},"{{}}"\n')
    with pytest.raises(DataError, match=r"via\.csv:3: is not as VIA writes it"):
        import_dataset("via", tmp_path / "in", tmp_path / "out")
