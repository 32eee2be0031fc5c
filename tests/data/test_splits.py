"""COCO and mask folders against pycocotools, real label maps and each other."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pycocotools import mask as coco_mask

from seg.data import open_split, read_mask
from seg.data.coco import CocoAnnotation, rasterise
from seg.data.images import write_image, write_mask
from seg.errors import DataError
from seg.labels import IGNORE_INDEX
from seg.spec import DatasetSpec

SIZE = (20, 30)
SQUARE = [[2.0, 2.0, 12.0, 2.0, 12.0, 12.0, 2.0, 12.0]]
SMALL = [[5.0, 5.0, 8.0, 5.0, 8.0, 8.0, 5.0, 8.0]]


def dataset(folder: Path, **said: Any) -> DatasetSpec:
    split = {"images": "images", "annotations": "x.json"}
    return DatasetSpec.model_validate({"train": split, "val": split} | said, context={"folder": folder})


def write_coco(folder: Path, annotations: list[dict[str, Any]], **more: Any) -> None:
    write_image(folder / "images/a.png", np.zeros((*SIZE, 3), np.uint8))
    document = {
        "images": [{"id": 1, "file_name": "a.png", "height": SIZE[0], "width": SIZE[1]}],
        "annotations": [{"id": n, "image_id": 1, **a} for n, a in enumerate(annotations, start=1)],
        "categories": [{"id": 7, "name": "glass"}, {"id": 3, "name": "paper"}],
    }
    (folder / "x.json").write_text(json.dumps(document | more))


def test_real_label_maps_equal_their_masks(shared_data: Path) -> None:
    folder = shared_data / "camvid"
    splits = {
        name: {"images": str(folder), "annotations": str(folder / f"{name}.json")}
        for name in ("train", "val")
    }
    coco = open_split(DatasetSpec.model_validate(splits), "val")
    assert [c.name for c in coco.classes][:3] == ["Sky", "Building", "Pole"]
    for index in range(0, len(coco.samples), 5):
        mask_hw = read_mask(folder / "val_masks" / f"{coco.samples[index].id}.png")
        expected = np.where(mask_hw == 11, IGNORE_INDEX, mask_hw)
        np.testing.assert_array_equal(coco.labels(index), expected)


@given(st.integers(1, 12), st.integers(1, 12), st.integers(0, 2**32 - 1))
def test_run_lengths_of_both_kinds_mean_what_pycocotools_says(height: int, width: int, seed: int) -> None:
    mask_hw = np.random.default_rng(seed).random((height, width)) < 0.5
    compressed = coco_mask.encode(np.asfortranarray(mask_hw, dtype=np.uint8))["counts"].decode()
    pixels = mask_hw.T.ravel()
    changes = np.flatnonzero(np.diff(pixels, prepend=False))
    counts = np.diff(np.concatenate(([0], changes, [pixels.size]))).tolist()
    for form in (compressed, counts):
        said = {"size": [height, width], "counts": form}
        annotation = CocoAnnotation.model_validate(
            {"id": 1, "image_id": 1, "category_id": 1, "segmentation": said}
        )
        np.testing.assert_array_equal(rasterise(annotation, (height, width)), mask_hw)


def test_large_objects_are_painted_first(tmp_path: Path) -> None:
    both = [{"category_id": 7, "segmentation": SMALL}, {"category_id": 3, "segmentation": SQUARE}]
    for order in (both, both[::-1]):
        write_coco(tmp_path, order)
        labels_hw = open_split(dataset(tmp_path), "train").labels(0)
        assert labels_hw[6, 6] == 1, "the small glass lies on the paper"
        assert labels_hw[10, 10] == 0
        assert labels_hw[15, 20] == IGNORE_INDEX


def test_unlabelled_pixels_may_be_a_class(tmp_path: Path) -> None:
    write_coco(tmp_path, [{"category_id": 3, "segmentation": SQUARE}])
    split = open_split(dataset(tmp_path, unlabelled="ground"), "train")
    assert [(c.id, c.name) for c in split.classes] == [(0, "ground"), (3, "paper"), (7, "glass")]
    assert np.unique(split.labels(0)).tolist() == [0, 1]


def test_an_object_may_be_in_several_polygons(tmp_path: Path) -> None:
    far = [20.0, 2.0, 28.0, 2.0, 28.0, 8.0, 20.0, 8.0]
    write_coco(tmp_path, [{"category_id": 3, "segmentation": [*SMALL, far]}])
    labels_hw = open_split(dataset(tmp_path), "train").labels(0)
    assert labels_hw[6, 6] == labels_hw[4, 24] == 0


@pytest.mark.parametrize(
    ("annotation", "problem"),
    [
        ({"category_id": 9, "segmentation": SQUARE}, r"annotation 1: category 9 is not among"),
        ({"category_id": 3, "segmentation": [[1, 2, 3, 4]]}, "annotation 1: a polygon has at least 3"),
        ({"category_id": 3, "segmentation": {"size": [2, 2], "counts": [4]}}, "annotation 1: its run"),
        ({"category_id": 3, "segmentation": {"size": [20, 30], "counts": [4]}}, "sum to 4, not 600"),
        ({"category_id": 3, "segmentation": "x"}, "id 1"),
        ({"segmentation": SQUARE}, r"category_id \(id 1\)"),
    ],
)
def test_a_broken_annotation_is_named(annotation: dict[str, Any], problem: str, tmp_path: Path) -> None:
    write_coco(tmp_path, [annotation])
    with pytest.raises(DataError, match=problem):
        open_split(dataset(tmp_path), "train").labels(0)


def test_a_category_that_is_no_class_names_the_nearest(tmp_path: Path) -> None:
    write_coco(tmp_path, [])
    with pytest.raises(DataError, match="'glass' is not a class: did you mean 'glas'"):
        open_split(dataset(tmp_path, classes=["paper", "glas"]), "train")


def test_what_is_not_json_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "x.json").write_text("{")
    with pytest.raises(DataError, match=r"x\.json: is not JSON"):
        open_split(dataset(tmp_path), "train")


def masks_of(folder: Path, values: list[int]) -> DatasetSpec:
    write_image(folder / "images/a.png", np.zeros((1, len(values), 3), np.uint8))
    write_mask(folder / "masks/a.png", np.array([values], np.uint8))
    split = {"images": "images", "masks": "masks"}
    return dataset(folder, train=split, val=split, classes=[{"name": "a", "id": 4}, "b"])


def test_mask_values_are_class_ids(tmp_path: Path) -> None:
    split = open_split(masks_of(tmp_path, [4, 1, 255]), "val")
    assert split.labels(0).tolist() == [[0, 1, IGNORE_INDEX]]


def test_an_unknown_mask_value_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"a\.png: pixel value 3"):
        open_split(masks_of(tmp_path, [4, 3]), "val").labels(0)


def test_images_of_one_name_keep_apart(tmp_path: Path) -> None:
    for name in ("x/a.png", "y/a.png", "b.png"):
        write_image(tmp_path / "images" / name, np.zeros((1, 1, 3), np.uint8))
    spec = dataset(tmp_path, predict={"images": "images"}, classes=["p", "q"])
    assert [s.id for s in open_split(spec, "predict").samples] == ["b", "x/a", "y/a"]


def test_images_without_labels_say_so(tmp_path: Path) -> None:
    write_image(tmp_path / "images/a.png", np.zeros((1, 1, 3), np.uint8))
    spec = dataset(tmp_path, predict={"images": "images"}, classes=["p", "q"])
    with pytest.raises(DataError, match="has no labels"):
        open_split(spec, "predict").labels(0)
