"""Every layout is recognised, and its YAML opens as what was drawn; the page of recipes shows it."""

import os
import pickle
from pathlib import Path

import numpy as np
import pytest

from seg.data import open_split
from seg.data.check.dataset import check_dataset
from seg.data.guess import guess_dataset
from seg.data.guess.write import yaml_of_guess
from seg.errors import DataError
from seg.labels.label_map import IGNORE_INDEX
from seg.spec import load_dataset
from tests.data.layouts.page import page
from tests.data.layouts.replicas import IMPORTED, READ_IN_PLACE, Replica, draw_carvana, labels_of, save

PAGE = Path(__file__).parents[3] / "docs/learn/my-data-looks-like-this.md"

LABELS = {
    "Pascal VOC": (0, [0, 7, 15, 255], {255: IGNORE_INDEX}),
    "Cityscapes": (0, [0, 7, 21, 26], {0: IGNORE_INDEX, 7: 0, 21: 8, 26: 13}),
    "ADE20K": (1, [0, 1, 17, 150], {0: IGNORE_INDEX, 1: 0, 17: 16, 150: 149}),
    "CamVid": (0, [0, 1, 2, 3], {0: IGNORE_INDEX, 1: 0, 2: 1, 3: 2}),
    "LoveDA": (1, [0, 1, 2, 3], {}),
    "Carvana": (1, [0, 1], {}),
    "ISIC": (0, [0, 255], {255: 1}),
    "DRIVE": (21, [0, 1], {}),
    "A folder of masks for each class": (1, [0, 1, 2], {}),
    "Severstal: run lengths": (1, [0, 1, 3], {3: 2}),
    "UW-Madison GI tract: run lengths along rows, ids of folders": (1, [0, 1, 2], {}),
    "Roboflow masks": (0, [0, 1, 2], {}),
    "CVAT masks": (0, [0, 1, 2], {}),
}
"""The seed of the first training image that has labels, its values, and labels that are others than these."""


@pytest.mark.parametrize("replica", READ_IN_PLACE, ids=lambda replica: replica.name)
def test_the_guess_opens_and_nothing_is_wrong(replica: Replica, tmp_path: Path) -> None:
    replica.draw(tmp_path)
    (tmp_path / "dataset.yaml").write_text(yaml_of_guess(guess_dataset(tmp_path), tmp_path))
    dataset = load_dataset(tmp_path / "dataset.yaml")
    errors = [finding for finding in check_dataset(dataset).findings if finding.severity == "error"]
    assert errors == []
    assert open_split(dataset, "val").samples


@pytest.mark.parametrize("replica", READ_IN_PLACE, ids=lambda replica: replica.name)
def test_its_images_can_be_loaded_in_other_processes(replica: Replica, tmp_path: Path) -> None:
    replica.draw(tmp_path)
    (tmp_path / "dataset.yaml").write_text(yaml_of_guess(guess_dataset(tmp_path), tmp_path))
    train = open_split(load_dataset(tmp_path / "dataset.yaml"), "train")
    sent = pickle.loads(pickle.dumps(train))
    np.testing.assert_array_equal(sent.labels(0), train.labels(0))


@pytest.mark.parametrize(
    "replica", [one for one in READ_IN_PLACE if one.name in LABELS], ids=lambda one: one.name
)
def test_labels_are_those_that_were_drawn(replica: Replica, tmp_path: Path) -> None:
    replica.draw(tmp_path)
    (tmp_path / "dataset.yaml").write_text(yaml_of_guess(guess_dataset(tmp_path), tmp_path))
    seed, values, renamed = LABELS[replica.name]
    wanted = labels_of(seed, values)
    for value, label in renamed.items():
        wanted = np.where(labels_of(seed, values) == value, label, wanted).astype(np.uint8)
    dataset = load_dataset(tmp_path / "dataset.yaml")
    splits = [open_split(dataset, name) for name in ("train", "val")]
    found = [split.labels(index) for split in splits for index in range(len(split.samples))]
    assert any((labels_hw == wanted).all() for labels_hw in found)


@pytest.mark.parametrize("name", IMPORTED)
def test_labels_of_tools_are_named_with_their_import(name: str, tmp_path: Path) -> None:
    IMPORTED[name](tmp_path)
    found = guess_dataset(tmp_path)
    assert (found.import_format, found.dataset) == (name, {})


def test_other_masks_that_would_pair_are_told(tmp_path: Path) -> None:
    draw_carvana(tmp_path)
    for path in (tmp_path / "train_masks").iterdir():
        save(tmp_path / "train_masks_png" / f"{path.stem}.png", labels_of(0, [0, 255]))
    assert any("train_masks_png/" in line for line in guess_dataset(tmp_path).unsure)


def test_what_is_not_recognised_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="has no files"):
        guess_dataset(tmp_path)
    os.mkfifo(tmp_path / "train.csv")
    with pytest.raises(DataError, match="has no files"):
        guess_dataset(tmp_path)
    (tmp_path / "a.txt").write_text("nothing")
    with pytest.raises(DataError, match="no labels are recognised"):
        guess_dataset(tmp_path)
    with pytest.raises(DataError, match="there is no such folder"):
        guess_dataset(tmp_path / "b")


def test_the_page_of_recipes_is_up_to_date() -> None:
    assert PAGE.read_text() == page()
