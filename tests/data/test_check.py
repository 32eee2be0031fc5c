"""Each thing that can be wrong, alone in a dataset, is found and named."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from seg.data.check import check_dataset
from seg.data.sample import write_sample_dataset
from seg.spec import load_dataset

Document = dict[str, Any]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_sample_dataset(tmp_path / "data", train=3, val=2, predict=1, size_hw=(48, 64))
    return tmp_path / "data"


def findings(folder: Path) -> list[str]:
    return [str(finding) for finding in check_dataset(load_dataset(folder / "dataset.yaml")).findings]


def change(folder: Path, edit: Callable[[Document], object]) -> None:
    path = folder / "train.json"
    document = json.loads(path.read_text())
    edit(document)
    path.write_text(json.dumps(document))


def orphan(document: Document) -> None:
    document["annotations"][0]["image_id"] = 99


def unknown_category(document: Document) -> None:
    document["annotations"][0]["category_id"] = 77


def empty_polygon(document: Document) -> None:
    document["annotations"][0]["segmentation"] = [[5.0, 5.0, 5.0, 5.0, 5.0, 5.0]]


def two_points(document: Document) -> None:
    document["annotations"][0]["segmentation"] = [[5.0, 5.0, 9.0, 9.0]]


def out_of_bounds(document: Document) -> None:
    document["annotations"][0]["segmentation"] = [[5.0, 5.0, 400.0, 5.0, 400.0, 30.0, 5.0, 30.0]]


def wrong_size(document: Document) -> None:
    document["images"][0]["width"] = 70


def missing_file(document: Document) -> None:
    document["images"][0]["file_name"] = "train/gone.jpg"


def doubled_id(document: Document) -> None:
    document["annotations"][1]["id"] = document["annotations"][0]["id"]


def bare_image(document: Document) -> None:
    document["annotations"] = [a for a in document["annotations"] if a["image_id"] != 2]


@pytest.mark.parametrize(
    ("edit", "expected"),
    [
        (orphan, ["train.json: annotation 1: belongs to image 99"]),
        (unknown_category, ["annotation 1: category 77"]),
        (empty_polygon, ["annotation 1: covers no pixel"]),
        (two_points, ["annotation 1: a polygon has at least 3 points"]),
        (out_of_bounds, ["annotation 1: leaves its image of 64x48"]),
        (wrong_size, ["its labels are (48, 70)"]),
        (missing_file, ["gone.jpg: there is no such file"]),
        (doubled_id, ["annotation id 1 is used 2 times"]),
        (bare_image, ["image 2 (train/train_0002.jpg) has no annotation"]),
    ],
)
def test_it_is_found(folder: Path, edit: Callable[[Document], None], expected: list[str]) -> None:
    change(folder, edit)
    found = findings(folder)
    for text in expected:
        assert any(text in line for line in found), found


def test_an_unreadable_image_is_found(folder: Path) -> None:
    (folder / "val/val_0001.jpg").write_bytes(b"")
    assert any("val_0001.jpg: is empty" in line for line in findings(folder))


def test_an_image_in_both_splits_is_found(folder: Path) -> None:
    (folder / "val/val_0002.jpg").write_bytes((folder / "train/train_0003.jpg").read_bytes())
    (line,) = findings(folder)
    assert "val_0002.jpg: is the same image as" in line
    assert "train_0003.jpg" in line


def test_a_file_that_is_no_coco_does_not_end_the_check(folder: Path) -> None:
    (folder / "val.json").write_text(json.dumps({"images": 3, "categories": []}))
    found = findings(folder)
    assert any("val.json" in line for line in found)
