"""Labels of every kind in a dataset whose classes overlap: a bit for each class, and one to ignore."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from pycocotools import mask as coco_mask

from seg.data import open_split
from seg.data.check.dataset import check_dataset
from seg.data.images.images import write_image
from seg.errors import SpecError
from seg.labels.task import LabelMap
from seg.spec import DatasetSpec, load_dataset

SIZE_HW = (4, 6)
A, B, IGNORED = 1, 2, 4
CLASSES = ["cat", "dog"]


def dataset(folder: Path, **keys: Any) -> DatasetSpec:
    """Of one image `x/a.png` and these keys of its training split and of the dataset."""
    write_image(folder / "x/a.png", np.random.default_rng(0).integers(0, 256, (*SIZE_HW, 3), np.uint8))
    split = {name: keys.pop(name) for name in ("masks", "labels", "annotations") if name in keys}
    values: dict[str, Any] = {
        "task": "multilabel",
        "classes": CLASSES,
        "train": {"images": "x", **split},
        **keys,
    }
    (folder / "dataset.yaml").write_text(json.dumps(values))
    return load_dataset(folder / "dataset.yaml")


def labels(spec: DatasetSpec) -> LabelMap:
    return open_split(spec, "train").labels(0)


def save_mask(path: Path, values: list[list[int]]) -> None:
    write_image(path, np.array(values, np.uint8)[..., None].repeat(3, -1))


def spread(left: int, middle: int, right: int) -> NDArray[np.uint8]:
    """A map of three columns, each twice."""
    return np.array([[left, left, middle, middle, right, right]] * 4, np.uint8)


@settings(max_examples=25)
@given(
    masks=st.lists(st.tuples(st.integers(0, 1), st.binary(min_size=24, max_size=24)), min_size=1, max_size=4)
)
def test_coco_objects_that_overlap_stay_both(
    masks: list[tuple[int, bytes]], tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("coco")
    expected_hw, annotations = np.zeros(SIZE_HW, np.uint8), []
    for number, (label, drawn) in enumerate(masks):
        mask_hw = (np.frombuffer(drawn, np.uint8) & 1).reshape(SIZE_HW)
        expected_hw |= mask_hw << label
        runs = coco_mask.encode(np.asfortranarray(mask_hw))
        segmentation = {"size": list(SIZE_HW), "counts": runs["counts"].decode()}
        annotations.append(
            {"id": number + 1, "image_id": 1, "category_id": label + 1, "segmentation": segmentation}
        )
    document = {
        "images": [{"id": 1, "file_name": "a.png", "height": SIZE_HW[0], "width": SIZE_HW[1]}],
        "annotations": annotations,
        "categories": [{"id": n + 1, "name": name} for n, name in enumerate(CLASSES)],
    }
    (folder / "t.json").write_text(json.dumps(document))
    found_hw = labels(dataset(folder, annotations="t.json"))
    np.testing.assert_array_equal(found_hw, expected_hw)
    assert found_hw.dtype == np.uint8


def test_a_table_gives_a_pixel_several_classes(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("ImageId,ClassId,EncodedPixels\na.png,1,1 16\na.png,2,9 16\n")
    np.testing.assert_array_equal(labels(dataset(tmp_path, labels="t.csv")), spread(A, A | B, B))


def test_an_image_that_is_not_in_the_table_shows_no_class(tmp_path: Path) -> None:
    write_image(tmp_path / "x/b.png", np.zeros((*SIZE_HW, 3), np.uint8))
    (tmp_path / "t.csv").write_text("ImageId,ClassId,EncodedPixels\na.png,1,1 16\n")
    assert not open_split(dataset(tmp_path, labels="t.csv"), "train").labels(1).any()


def test_a_file_for_each_class(tmp_path: Path) -> None:
    save_mask(tmp_path / "cats/a.png", spread(255, 255, 0).tolist())
    save_mask(tmp_path / "dogs/a.png", spread(0, 7, 7).tolist())
    spec = dataset(tmp_path, masks={"of_class": {"cat": "cats", "dog": "dogs"}})
    np.testing.assert_array_equal(labels(spec), spread(A, A | B, B))


def test_index_masks_have_no_overlap_and_may_ignore(tmp_path: Path) -> None:
    """Ids count from 1, 0 is of no class, and 255 is ignored."""
    save_mask(tmp_path / "m/a.png", spread(0, 2, 255).tolist())
    np.testing.assert_array_equal(labels(dataset(tmp_path, masks="m")), spread(0, B, IGNORED))
    given_ids = [{"name": "cat", "id": 255}, {"name": "dog", "id": 2}]
    np.testing.assert_array_equal(labels(dataset(tmp_path, masks="m", classes=given_ids)), spread(0, B, A))


def test_colour_masks_may_ignore_and_black_is_of_no_class(tmp_path: Path) -> None:
    red, blue, grey = (255, 0, 0), (0, 0, 255), (9, 9, 9)
    classes = [{"name": "cat", "colour": red}, {"name": "dog", "colour": blue}]
    for colours, expected in (((red, blue, (0, 0, 0)), (A, B, 0)), ((grey, blue, red), (IGNORED, B, A))):
        drawn = np.repeat(np.array([[c for c in colours for _ in range(2)]], np.uint8), 4, axis=0)
        write_image(tmp_path / "m/a.png", drawn)
        spec = dataset(tmp_path, masks="m", classes=classes, unlabelled_colours=[grey])
        np.testing.assert_array_equal(labels(spec), spread(*expected))


def test_binary_masks_mean_the_only_class(tmp_path: Path) -> None:
    save_mask(tmp_path / "m/a.png", spread(0, 127, 128).tolist())
    spec = dataset(tmp_path, task="binary", classes=["cat"], masks={"to": "m", "binary": 127})
    np.testing.assert_array_equal(labels(spec), spread(0, 0, 1))


def test_eight_classes_have_two_bytes_with_the_bit_to_ignore(tmp_path: Path) -> None:
    save_mask(tmp_path / "m/a.png", spread(0, 8, 255).tolist())
    found_hw = labels(dataset(tmp_path, masks="m", classes=[f"c{n}" for n in range(8)]))
    assert found_hw.dtype == np.uint16
    np.testing.assert_array_equal(found_hw[0], [0, 0, 128, 128, 256, 256])


def test_check_counts_empty_masks_and_classes_in_the_same_image(tmp_path: Path) -> None:
    write_image(tmp_path / "x/b.png", np.zeros((*SIZE_HW, 3), np.uint8))
    (tmp_path / "t.csv").write_text("ImageId,ClassId,EncodedPixels\na.png,1,1 16\na.png,2,9 16\n")
    report = check_dataset(dataset(tmp_path, labels="t.csv"))
    (split,) = report.splits
    assert [f for f in report.findings if f.severity == "error" or "two classes" in f.problem] == []
    assert split.pixels_of == {"cat": 16, "dog": 16}
    assert split.share("cat") == 16 / 48
    assert split.images_with_both == {("cat", "dog"): 1}
    assert (split.empty_images, split.empty_masks(CLASSES)) == (0.5, 0.5)


@pytest.mark.parametrize(
    "keys, problem",
    [
        ({"unlabelled": "none"}, "a pixel may be of no class: remove 'unlabelled'"),
        ({"task": "binary"}, "'task: binary' has one class, and 2 are listed"),
        ({"task": "multi-label"}, "task"),
        ({"classes": [f"c{n}" for n in range(64)]}, "64 classes that overlap: at most 63"),
        ({"masks": {"to": "m", "binary": 127}}, "'binary' masks are of one class, and there are 2"),
    ],
)
def test_what_does_not_fit_the_task_is_refused_with_its_line(
    keys: dict[str, Any], problem: str, tmp_path: Path
) -> None:
    with pytest.raises(SpecError, match=problem):
        dataset(tmp_path, **keys)


def test_masks_whose_class_counts_as_unlabelled_are_an_error_that_says_so(tmp_path: Path) -> None:
    save_mask(tmp_path / "m/a.png", spread(0, 255, 255).tolist())
    (finding,) = (
        one
        for one in check_dataset(dataset(tmp_path, task="binary", classes=["cat"], masks="m")).findings
        if one.severity == "error"
    )
    assert "is of class cat, and 255 counts as unlabelled (67% of the pixels are ignored)" in finding.problem
    assert "give cat the id 255" in finding.fix


def test_nothing_labelled_is_an_error_and_one_class_is_enough(tmp_path: Path) -> None:
    write_image(tmp_path / "x/b.png", np.random.default_rng(1).integers(0, 256, (*SIZE_HW, 3), np.uint8))
    (tmp_path / "t.csv").write_text("ImageId,EncodedPixels\na.png,\n")
    spec = dataset(tmp_path, task="binary", classes=["cat"], labels="t.csv")
    assert [f.severity for f in check_dataset(spec).findings] == ["error"]
    (tmp_path / "t.csv").write_text("ImageId,EncodedPixels\na.png,1 4\n")
    assert check_dataset(spec).findings == ()
