"""COCO files become label maps, or one line that names the file and the annotation."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pycocotools import mask as coco_mask

from seg.data import open_split, read_mask
from seg.errors import DataError
from seg.labels.label_map import IGNORE_INDEX
from seg.spec import DatasetSpec
from tests.data.conftest import HEIGHT, WIDTH, CocoWriter

SQUARE = [[2.0, 2.0, 12.0, 2.0, 12.0, 12.0, 2.0, 12.0]]
SMALL = [[5.0, 5.0, 8.0, 5.0, 8.0, 8.0, 5.0, 8.0]]
FAR = [[20.0, 2.0, 28.0, 2.0, 28.0, 8.0, 20.0, 8.0]]
PAPER, GLASS = 3, 7


@pytest.mark.parametrize("name", ["train", "val"])
def test_real_label_maps_equal_their_masks(name: Any, shared_data: Path) -> None:
    folder = shared_data / "camvid"
    splits = {
        split: {"images": str(folder), "annotations": str(folder / f"{split}.json")}
        for split in ("train", "val")
    }
    coco = open_split(DatasetSpec.model_validate(splits), name)
    assert len(coco.classes) == 11
    for index in range(0, len(coco.samples), len(coco.samples) // 10):
        mask_hw = read_mask(folder / f"{name}_masks" / f"{coco.samples[index].id}.png")
        expected = np.where(mask_hw == 11, IGNORE_INDEX, mask_hw)
        np.testing.assert_array_equal(coco.labels(index), expected)


def test_large_objects_are_painted_first(coco: CocoWriter) -> None:
    both = [{"category_id": GLASS, "segmentation": SMALL}, {"category_id": PAPER, "segmentation": SQUARE}]
    for order in (both, both[::-1]):
        labels_hw = open_split(coco(order), "train").labels(0)
        assert labels_hw[6, 6] == 1, "the small glass lies on the paper"
        assert labels_hw[10, 10] == 0
        assert labels_hw[15, 20] == IGNORE_INDEX


def test_the_later_of_two_equals_lies_on_top(coco: CocoWriter) -> None:
    both = [{"category_id": GLASS, "segmentation": SQUARE}, {"category_id": PAPER, "segmentation": SQUARE}]
    assert open_split(coco(both), "train").labels(0)[6, 6] == 0
    assert open_split(coco(both[::-1]), "train").labels(0)[6, 6] == 1


def test_area_is_counted_in_pixels_and_not_believed(coco: CocoWriter) -> None:
    both = [
        {"category_id": GLASS, "segmentation": SMALL, "area": 1e6},
        {"category_id": PAPER, "segmentation": SQUARE, "area": 1},
    ]
    assert open_split(coco(both), "train").labels(0)[6, 6] == 1


def test_all_ways_to_write_an_object_mean_the_same(coco: CocoWriter) -> None:
    polygons = SQUARE + FAR
    (rle,) = [coco_mask.merge(coco_mask.frPyObjects(polygons, HEIGHT, WIDTH))]
    mask_hw = coco_mask.decode(rle)
    pixels = mask_hw.T.ravel()
    ends = [*np.flatnonzero(np.diff(pixels)) + 1, pixels.size]
    counts = np.diff([0, *ends]).tolist()
    size = [HEIGHT, WIDTH]
    expected = np.where(mask_hw, 0, IGNORE_INDEX)
    for shape, crowd in (
        (polygons, 0),
        ({"size": size, "counts": rle["counts"].decode()}, 0),
        ({"size": size, "counts": counts}, 0),
        ({"size": size, "counts": counts}, 1),
    ):
        annotation = {"category_id": PAPER, "segmentation": shape, "iscrowd": crowd}
        labels_hw = open_split(coco([annotation]), "train").labels(0)
        np.testing.assert_array_equal(labels_hw, expected)


def test_unlabelled_pixels_may_be_a_class(coco: CocoWriter) -> None:
    annotation = {"category_id": PAPER, "segmentation": SQUARE}
    split = open_split(coco([annotation], unlabelled="ground"), "train")
    assert [(c.id, c.name) for c in split.classes] == [(0, "ground"), (3, "paper"), (7, "glass")]
    assert np.unique(split.labels(0)).tolist() == [0, 1]


@pytest.mark.parametrize(
    ("annotation", "problem"),
    [
        ({"category_id": 9, "segmentation": SQUARE}, "annotation 1: category 9 is not among the categories"),
        ({"category_id": 3, "segmentation": [[1, 2, 3, 4]]}, "annotation 1: a polygon has at least 3"),
        ({"category_id": 3, "segmentation": {"size": [2, 2], "counts": [4]}}, "annotation 1: its run"),
        ({"category_id": 3, "segmentation": "x"}, "annotation 1: segmentation: is neither polygons, "),
        ({"category_id": 3, "segmentation": [[float("nan")] * 6]}, "annotation 1: segmentation: "),
        ({"category_id": "x"}, "annotation 1: category_id: Input should be a valid integer"),
        ({"segmentation": SQUARE}, "annotation 1: category_id: Field required"),
        ({"id": None, "category_id": 3}, r"annotations.0: id: Input should"),
    ],
)
def test_a_broken_annotation_is_named(annotation: dict[str, Any], problem: str, coco: CocoWriter) -> None:
    with pytest.raises(DataError, match=rf"x\.json: {problem}") as error:
        open_split(coco([annotation]), "train").labels(0)
    assert "\n" not in str(error.value)


IMAGE = {"id": 1, "file_name": "a.png", "height": HEIGHT, "width": WIDTH}


@pytest.mark.parametrize(
    ("document", "problem"),
    [
        ({"images": 3}, "images: Input should be a valid"),
        ({"images": [{"file_name": "a.png"}]}, r"images\.0: id: Field required"),
        ({"images": [IMAGE | {"height": 0}]}, "image 1: height: Input should be greater"),
        ({"images": [IMAGE, IMAGE | {"file_name": "b.png"}]}, "image id 1 is used 2 times"),
        ({"images": [IMAGE, IMAGE | {"id": 2}]}, "file name 'a.png' is used 2 times"),
        ({"categories": [{"id": 3, "name": "a"}, {"id": 3, "name": "b"}]}, "category id 3 is used 2"),
        ({"categories": [{"id": 3, "name": "a"}, {"id": 4, "name": "a"}]}, "category name 'a' is used 2"),
        ({"categories": [{"id": n, "name": f"{n}"} for n in range(300)]}, "there are 300 categories"),
    ],
)
def test_a_broken_file_says_where(document: dict[str, Any], problem: str, coco: CocoWriter) -> None:
    with pytest.raises(DataError, match=rf"x\.json: {problem}") as error:
        open_split(coco([], document), "train")
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("text", "problem"),
    [("{", "is not JSON"), ("", "is empty"), ("[]", "Input should be an object"), (None, "no such file")],
)
def test_what_is_no_coco_file_is_one_line(text: str | None, problem: str, coco: CocoWriter) -> None:
    spec = coco([])
    assert spec.train and spec.train.annotations
    spec.train.annotations.unlink()
    if text is not None:
        spec.train.annotations.write_text(text)
    with pytest.raises(DataError, match=rf"x\.json: .*{problem}") as error:
        open_split(spec, "train")
    assert "\n" not in str(error.value)


def test_a_file_without_annotations_has_no_labels(coco: CocoWriter) -> None:
    split = open_split(coco([]), "val")
    with pytest.raises(DataError, match="has no annotations"):
        split.labels(0)


def test_no_label_is_drawn_before_it_is_asked_for(coco: CocoWriter) -> None:
    split = open_split(coco([{"category_id": PAPER, "segmentation": [[1]]}]), "train")
    assert split.samples[0].id == "a"
    with pytest.raises(DataError):
        split.labels(0)


def test_the_fingerprint_follows_what_the_file_says(coco: CocoWriter) -> None:
    def fingerprint(shape: list[list[float]]) -> str:
        return open_split(coco([{"category_id": PAPER, "segmentation": shape}]), "train").fingerprint

    assert fingerprint(SQUARE) == fingerprint(SQUARE) != fingerprint(SMALL)
