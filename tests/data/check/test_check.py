"""Each thing that can be wrong, alone in a dataset, is found, named, and as grave as it is said to be."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from seg.data import open_split, read_image
from seg.data.check.dataset import check_dataset
from seg.data.check.findings import Finding
from seg.data.images.images import write_image
from seg.data.sample import write_sample_dataset
from seg.errors import DataError
from seg.spec import DatasetSpec, load_dataset
from tests.data.conftest import CocoWriter

Document = dict[str, Any]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_sample_dataset(tmp_path / "data", train=12, val=2, predict=1, size_hw=(48, 64))
    return tmp_path / "data"


def findings(folder: Path) -> tuple[Finding, ...]:
    return check_dataset(load_dataset(folder / "dataset.yaml")).findings


def is_usable(dataset: DatasetSpec) -> bool:
    """Whether what training does with a dataset goes through."""
    try:
        for split in (open_split(dataset, "train"), open_split(dataset, "val")):
            for index, sample in enumerate(split.samples):
                if read_image(sample.image).shape[:2] != split.labels(index).shape:
                    return False
    except DataError:
        return False
    return True


def change(folder: Path, edit: Callable[[Document], object]) -> None:
    path = folder / "train.json"
    document = json.loads(path.read_text())
    edit(document)
    path.write_text(json.dumps(document))


def orphan(document: Document) -> None:
    document["annotations"].append(document["annotations"][0] | {"id": 999, "image_id": 99})


def unknown_category(document: Document) -> None:
    document["annotations"][0]["category_id"] = 77


def no_segmentation(document: Document) -> None:
    del document["annotations"][0]["segmentation"]


def empty_polygon(document: Document) -> None:
    document["annotations"][0]["segmentation"] = [[5.0, 5.0, 5.0, 5.0, 5.0, 5.0]]


def two_points(document: Document) -> None:
    document["annotations"][0]["segmentation"] = [[5.0, 5.0, 9.0, 9.0]]


def out_of_bounds(document: Document) -> None:
    document["annotations"][0]["segmentation"] = [[5.0, 5.0, 90.0, 5.0, 90.0, 30.0, 5.0, 30.0]]


def far_out_of_bounds(document: Document) -> None:
    document["annotations"][0]["segmentation"] = [[5.0, 5.0, 900.0, 5.0, 900.0, 30.0, 5.0, 30.0]]


def wrong_run_lengths(document: Document) -> None:
    document["annotations"][0]["segmentation"] = {"size": [48, 64], "counts": [5, 6]}


def wrong_size(document: Document) -> None:
    document["images"][0]["width"] = 70


def missing_file(document: Document) -> None:
    document["images"][0]["file_name"] = "train/gone.jpg"


def listed_twice(document: Document) -> None:
    document["images"][0]["file_name"] = document["images"][1]["file_name"]


def repeated_annotation_id(document: Document) -> None:
    document["annotations"][1]["id"] = document["annotations"][0]["id"]


def repeated_image_id(document: Document) -> None:
    document["images"][1]["id"] = document["images"][0]["id"]


def repeated_category(document: Document) -> None:
    document["categories"][1]["name"] = document["categories"][0]["name"]


def bare_image(document: Document) -> None:
    document["annotations"] = [a for a in document["annotations"] if a["image_id"] != 2]


def no_categories(document: Document) -> None:
    document["categories"] = []


def all_bare(document: Document) -> None:
    document["annotations"] = []


@pytest.mark.parametrize(
    ("edit", "line"),
    [
        (orphan, "warning: {}/train.json: annotation 999: belongs to image 99"),
        (unknown_category, "error: {}/train.json: annotation 1: category 77"),
        (no_segmentation, "warning: {}/train.json: annotation 1: has no segmentation"),
        (empty_polygon, "warning: {}/train.json: annotation 1: covers no pixel"),
        (two_points, "error: {}/train.json: annotation 1: a polygon has at least 3 points"),
        (out_of_bounds, "warning: {}/train.json: annotation 1: leaves its image of 64x48"),
        (far_out_of_bounds, "error: {}/train.json: annotation 1: a polygon's point (900, 5)"),
        (wrong_run_lengths, "error: {}/train.json: annotation 1: its run lengths sum to 11"),
        (wrong_size, "error: {}/train/train_0001.jpg: is 64x48, its labels are 70x48"),
        (missing_file, "error: {}/train/gone.jpg: there is no such file"),
        (listed_twice, "error: {}/train.json: file name 'train/train_0002.jpg' is used 2 times"),
        (repeated_annotation_id, "warning: {}/train.json: annotation id 1 is used 2 times"),
        (repeated_image_id, "error: {}/train.json: image id 1 is used 2 times"),
        (repeated_category, "error: {}/train.json: category name 'UNKNOWN' is used 2 times"),
        (bare_image, "warning: {}/train.json: image 2 (train/train_0002.jpg) has no annotation"),
        (no_categories, "error: {}/train.json: has no categories"),
        (all_bare, "error: {}/train.json: has no annotations"),
    ],
)
def test_it_is_found(folder: Path, edit: Callable[[Document], None], line: str) -> None:
    assert is_usable(load_dataset(folder / "dataset.yaml"))
    change(folder, edit)
    found = findings(folder)
    assert any(str(finding).startswith(line.format(folder)) for finding in found), [*map(str, found)]
    errors = [finding for finding in found if finding.severity == "error"]
    assert is_usable(load_dataset(folder / "dataset.yaml")) == (not errors), [*map(str, found)]


def test_an_unreadable_image_is_found(folder: Path) -> None:
    (folder / "val/val_0001.jpg").write_bytes(b"")
    (found,) = findings(folder)
    assert (found.severity, found.file, found.annotation, found.problem) == (
        "error",
        folder / "val/val_0001.jpg",
        None,
        "is empty (0 bytes)",
    )


def test_a_picture_in_both_splits_is_found_whatever_its_file(folder: Path) -> None:
    source = read_image(folder / "train/train_0003.jpg")
    png = cv2.imencode(".png", source[..., ::-1])[1].tobytes()
    (folder / "val/val_0002.jpg").write_bytes(png)
    (found,) = findings(folder)
    assert found.severity == "warning"
    assert found.file == folder / "val/val_0002.jpg"
    assert f"is the same picture as {folder}/train/train_0003.jpg" in found.problem


@pytest.mark.parametrize("broken", ["train", "val", "predict"])
@pytest.mark.parametrize("text", ['{"images": 3, "categories": []}', "{", ""])
def test_a_broken_file_does_not_end_the_check(broken: str, text: str, folder: Path) -> None:
    (folder / f"{broken}.json").write_text(text)
    (folder / "train/train_0001.jpg").unlink()
    (folder / "val/val_0001.jpg").unlink()
    report = check_dataset(load_dataset(folder / "dataset.yaml"))
    files = [finding.file.name for finding in report.findings]
    expected = [f"{broken}.json", *({"train_0001.jpg", "val_0001.jpg"} - {f"{broken}_0001.jpg"})]
    assert sorted(files) == sorted(expected)
    assert len(report.classes) == 12
    assert [split.name for split in report.splits] == ["train", "val", "predict"]


def test_two_broken_files_are_both_found(folder: Path) -> None:
    for name in ("train", "val"):
        (folder / f"{name}.json").write_text("{")
    assert [finding.file.name for finding in findings(folder)] == ["train.json", "val.json"]


def test_a_category_of_another_name_is_found(coco: CocoWriter) -> None:
    report = check_dataset(coco([], classes=["paper", "glas"]))
    assert any(
        finding.severity == "error"
        and finding.problem == "category 7 'glass' is not a class"
        and finding.fix == "did you mean 'glas'?"
        for finding in report.findings
    )


def test_what_is_to_be_predicted_needs_no_labels(coco: CocoWriter, tmp_path: Path) -> None:
    corners = [[0.0, 0.0, 6.0, 0.0, 6.0, 6.0, 0.0, 6.0]]
    square = [{"category_id": number, "segmentation": corners} for number in (3, 7)]
    square[1]["segmentation"] = [[x + 9 for x in corners[0]]]
    bare = {"images": [{"id": 1, "file_name": "a.png", "height": 20, "width": 30}]}
    (tmp_path / "test.json").write_text(json.dumps(bare))
    write_image(tmp_path / "others/b.png", np.ones((20, 30, 3), np.uint8))
    for predict in ({"images": "images"}, {"images": "images", "annotations": "test.json"}):
        dataset = coco(square, predict=predict, val={"images": "others"})
        errors = [one.problem for one in check_dataset(dataset).findings if one.severity == "error"]
        assert errors == ["has no labels"], "of the validation split"


def test_counts_are_of_objects_images_and_pixels(coco: CocoWriter) -> None:
    three = [{"category_id": 3, "segmentation": square(x)} for x in (0.0, 10.0, 20.0)]
    train, val = check_dataset(coco([*three, {"category_id": 7, "segmentation": square(2.0)}])).splits
    assert train.objects_of == val.objects_of == {"paper": 3, "glass": 1}
    assert train.images_with == {"paper": 1, "glass": 1, "(ignored)": 1}
    assert train.pixels_of == {"paper": 2 * 36 + 12, "glass": 36, "(ignored)": 600 - 120}
    assert train.share("glass") == pytest.approx(36 / 600)


def square(x: float) -> list[list[float]]:
    return [[x, 0.0, x + 6, 0.0, x + 6, 6.0, x, 6.0]]


def test_the_check_goes_on_after_entries_that_are_no_coco(coco: CocoWriter) -> None:
    flat, points = [0, 0, 3, 0, 3, 4], [[[0, 0], [3, 0], [3, 4]]]
    annotations = [
        *({"category_id": 3, "segmentation": wrong} for wrong in (flat, None, points, "x")),
        {"category_id": 3},
        {"category_id": None, "segmentation": square(0.0)},
        {"category_id": 3, "segmentation": square(0.0)},
        {"category_id": 7, "segmentation": square(9.0)},
    ]
    images = [
        {"id": 1, "file_name": "a.png", "height": 20, "width": 30},
        {"id": 2, "file_name": "b.png", "height": 0, "width": 30},
    ]
    report = check_dataset(coco(annotations, {"images": images}))
    errors = [(one.annotation, one.problem) for one in report.findings if one.severity == "error"]
    neither = "segmentation: is neither polygons, [[x, y, x, y, ...], ...], nor run lengths"
    assert sorted(errors, key=str) == [
        (1, neither),
        (3, neither),
        (4, neither),
        (6, "category_id: Input should be a valid integer"),
        (None, "image 2: height: Input should be greater than or equal to 1"),
    ]
    without = [one.annotation for one in report.findings if one.problem == "has no segmentation"]
    assert without == [2, 5]
    assert report.splits[0].objects_of == {"paper": 3, "glass": 1}


def test_a_byte_order_mark_and_backslashes_are_read(coco: CocoWriter, tmp_path: Path) -> None:
    annotations = [{"category_id": c, "segmentation": square(x)} for c, x in ((3, 0.0), (7, 9.0))]
    image = {"id": 1, "file_name": "in\\a.png", "height": 20, "width": 30}
    dataset = coco(annotations, {"images": [image]}, unlabelled="Background")
    write_image(tmp_path / "images/in/a.png", np.zeros((20, 30, 3), np.uint8))
    (tmp_path / "x.json").write_bytes(b"\xef\xbb\xbf" + (tmp_path / "x.json").read_bytes())
    assert not [one for one in check_dataset(dataset).findings if one.severity == "error"]
    (sample,) = open_split(dataset, "train").samples
    assert read_image(sample.image).shape == (20, 30, 3)


@pytest.mark.parametrize("counts", [[10**30, -(10**30)], [4294967296]])
def test_false_sizes_are_named_and_nothing_is_drawn(
    coco: CocoWriter, counts: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    shapes = [[[0, 0, 60000, 0, 60000, 60000]], {"size": [65536, 65536], "counts": counts}]
    image = {"id": 1, "file_name": "a.png", "height": 65536, "width": 65536}
    dataset = coco([{"category_id": 3, "segmentation": shape} for shape in shapes], {"images": [image]})
    for name in (
        "check.coco.rasterise_to_runs",
        "coco.coco_split.rasterise_to_mask",
        "coco.coco_split.paint_objects",
    ):
        monkeypatch.setattr(f"seg.data.{name}", None)
    errors = [one.problem for one in check_dataset(dataset).findings if one.severity == "error"]
    assert errors == ["is 30x20, its labels are 65536x65536"]
    with pytest.raises(DataError, match=r"a\.png: is 30x20, its labels are 65536x65536"):
        open_split(dataset, "train").labels(0)


def test_a_picture_twice_in_validation_is_named_twice(folder: Path) -> None:
    for name in ("val_0001.jpg", "val_0002.jpg"):
        (folder / "val" / name).write_bytes((folder / "train/train_0003.jpg").read_bytes())
    names = [one.file.name for one in findings(folder) if "is the same picture as" in one.problem]
    assert names == ["val_0001.jpg", "val_0002.jpg"]
