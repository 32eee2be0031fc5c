"""Which class a category or a pixel value is."""

import pytest

from seg.data import open_split
from seg.errors import DataError
from tests.data.conftest import CocoWriter

SQUARE = [[2.0, 2.0, 12.0, 2.0, 12.0, 12.0, 2.0, 12.0]]


def test_classes_are_the_categories_by_id(coco: CocoWriter) -> None:
    split = open_split(coco([]), "train")
    assert [(c.id, c.name) for c in split.classes] == [(3, "paper"), (7, "glass")]


def test_listed_classes_keep_their_order_and_take_the_categories_ids(coco: CocoWriter) -> None:
    listed = ["glass", "ground", {"name": "stone", "id": 1}, "paper"]
    dataset = coco([{"category_id": 7, "segmentation": SQUARE}], classes=listed, unlabelled="ground")
    split = open_split(dataset, "train")
    assert [(c.id, c.name) for c in split.classes] == [
        (7, "glass"),
        (0, "ground"),
        (1, "stone"),
        (3, "paper"),
    ]
    assert split.labels(0)[6, 6] == 0
    assert split.labels(0)[19, 29] == 1


def test_categories_are_matched_by_name_not_by_id(coco: CocoWriter) -> None:
    dataset = coco(
        [{"category_id": 7, "segmentation": SQUARE}], classes=[{"name": "glass", "id": 3}, "paper"]
    )
    assert open_split(dataset, "train").labels(0)[6, 6] == 0


def test_a_category_that_is_no_class_names_the_nearest(coco: CocoWriter) -> None:
    split = open_split(coco([{"category_id": 3}], classes=["paper", "glas"]), "train")
    with pytest.raises(DataError, match=r"x\.json: category 7 'glass' is not a class: did you mean 'glas'"):
        split.labels(0)


def test_images_are_predicted_without_the_labels_of_other_splits(coco: CocoWriter) -> None:
    dataset = coco([], predict={"images": "images"})
    assert dataset.train and dataset.train.annotations
    dataset.train.annotations.unlink()
    split = open_split(dataset, "predict")
    assert [sample.id for sample in split.samples] == ["a"]
    with pytest.raises(DataError, match="no such file"):
        _ = split.classes
