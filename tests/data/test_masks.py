"""Folders of images, with masks and without."""

from pathlib import Path

import numpy as np
import pytest

from seg.data import open_split
from seg.data.images.images import write_image, write_mask
from seg.errors import DataError
from seg.labels.label_map import IGNORE_INDEX
from seg.spec import SplitSpec
from tests.data.conftest import MaskWriter, spec


def test_pixel_values_are_class_ids(masks: MaskWriter) -> None:
    split = open_split(masks([4, 1, 255], classes=[{"name": "a", "id": 4}, "b"]), "val")
    assert split.labels(0).tolist() == [[0, 1, IGNORE_INDEX]]


def test_unlabelled_values_may_be_several_and_a_class(masks: MaskWriter) -> None:
    said = {"classes": ["ground", "b"], "unlabelled": "ground", "unlabelled_values": [7, 9]}
    assert open_split(masks([0, 1, 7, 9], **said), "val").labels(0).tolist() == [[0, 1, 0, 0]]


def test_a_class_may_have_the_id_255(masks: MaskWriter) -> None:
    said = {"classes": [{"name": "no", "id": 0}, {"name": "yes", "id": 255}]}
    assert open_split(masks([0, 255], **said), "val").labels(0).tolist() == [[0, 1]]


def test_all_values_of_no_class_are_named(masks: MaskWriter) -> None:
    with pytest.raises(
        DataError, match=r"masks/in/a\.png: has pixel values 3 \(1 pixel\), 9 \(1 pixel\), the id of no class"
    ):
        open_split(masks([0, 9, 3], classes=["a", "b"]), "val").labels(0)


def test_a_mask_or_its_folder_that_is_missing_is_named(masks: MaskWriter) -> None:
    dataset = masks([0], classes=["a", "b"])
    assert isinstance(dataset.val, SplitSpec) and dataset.val.masks
    (dataset.val.masks.place / "in/a.png").unlink()
    split = open_split(dataset, "val")
    for use in (lambda: split.labels(0), lambda: split.fingerprint):
        with pytest.raises(DataError, match=r"masks/in/a\.png: there is no such file"):
            use()
    (dataset.val.masks.place / "in").rmdir()
    dataset.val.masks.place.rmdir()
    with pytest.raises(DataError, match="masks: there is no such folder of masks"):
        open_split(dataset, "val")


def test_the_fingerprint_follows_the_masks(masks: MaskWriter) -> None:
    first, second = (
        open_split(masks(values, classes=["a", "b"]), "val").fingerprint for values in ([0, 1], [1, 0])
    )
    assert first != second


def image_folder(folder: Path, *names: str) -> None:
    for name in names:
        write_image(folder / "images" / name, np.zeros((1, 1, 3), np.uint8))


@pytest.mark.parametrize(
    ("names", "ids"),
    [
        (["b.png", "a.png"], ["a", "b"]),
        (["x/a.png", "y/b.png"], ["a", "b"]),
        (["x/a.png", "y/a.png", "b.png"], ["b", "x/a", "y/a"]),
        (["a.png", "x/a.png"], ["a", "x/a"]),
        (["x/a.png", "x/a.jpg", "y/a.png"], ["x/a.jpg", "x/a.png", "y/a"]),
        (["a.b.png", "a.c.png", ".a.png"], ["a.b", "a.c"]),
        (["a.jpg", "a.png", "a.png.bmp"], ["a.jpg", "a.png", "a.png.bmp"]),
    ],
)
def test_every_image_has_its_own_id(names: list[str], ids: list[str], tmp_path: Path) -> None:
    image_folder(tmp_path, *names)
    samples = open_split(spec(tmp_path, {"images": "images"}), "predict").samples
    assert [sample.id for sample in samples] == ids
    assert [sample.image for sample in samples] == sorted(
        tmp_path / "images" / name for name in names if not name.startswith(".")
    )


def test_images_without_labels_say_so(tmp_path: Path) -> None:
    image_folder(tmp_path, "a.png")
    with pytest.raises(DataError, match=r"a\.png has no labels"):
        open_split(spec(tmp_path, {"images": "images"}), "val").labels(0)


@pytest.mark.parametrize(("folder", "problem"), [("images", "has no image"), ("gone", "no such folder")])
def test_a_folder_without_images_says_so(folder: str, problem: str, tmp_path: Path) -> None:
    (tmp_path / "images").mkdir()
    write_mask(tmp_path / "elsewhere/a.png", np.zeros((1, 1), np.uint8))
    with pytest.raises(DataError, match=problem):
        open_split(spec(tmp_path, {"images": folder}), "val")
