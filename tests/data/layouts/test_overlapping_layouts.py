"""Labels of contests with overlapping classes, as guessed, against their files decoded by other means."""

import csv
import os
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from seg.data import Split, open_split
from seg.data.dataset import open_undivided_split
from seg.data.guess import guess_dataset
from seg.data.guess.write import yaml_of_guess
from seg.labels.task import masks_of
from seg.spec import DatasetSpec, load_dataset

ROOT = Path(__file__).parents[3]


def layout(name: str) -> Path:
    folder = (
        Path(os.environ.get("SEG_SHARED_DATA", ROOT.parent / "shared" / "data")).parent / "layouts" / name
    )
    if not folder.is_dir():
        pytest.skip(f"no layouts at {folder}: set SEG_SHARED_DATA to the folder beside them")
    return folder


def guessed(name: str, tmp_path: Path) -> tuple[DatasetSpec, Split]:
    """The dataset that is guessed, and all its training images."""
    path = tmp_path / "dataset.yaml"
    path.write_text(yaml_of_guess(guess_dataset(layout(name)), tmp_path))
    dataset = load_dataset(path)
    return dataset, open_undivided_split(dataset, "train")


def painted(runs: str, width: int, height: int, order: Literal["F", "C"]) -> NDArray[np.bool_]:
    flat = np.zeros(width * height, np.bool_)
    numbers = list(map(int, runs.split()))
    for start, length in zip(numbers[::2], numbers[1::2], strict=True):
        flat[start - 1 : start - 1 + length] = True
    return flat.reshape((height, width), order=order)


def pixels_of(path: Path) -> NDArray[Any]:
    with Image.open(path) as image:
        return np.array(image)


def rows_of(table: Path) -> list[list[str]]:
    csv.field_size_limit(2**24)
    with table.open(encoding="utf-8") as file:
        return list(csv.reader(file))[1:]


def test_severstal_keeps_both_classes_of_a_pixel(tmp_path: Path) -> None:
    dataset, split = guessed("06severstal", tmp_path)
    rows = {(image, number): runs for image, number, runs in rows_of(layout("06severstal") / "train.csv")}
    assert dataset.task == split.task == "multilabel"
    assert [c.id for c in split.classes] == [1, 2, 3, 4]
    both = 0
    for index, sample in enumerate(split.samples):
        expected_chw = [
            painted(rows.get((sample.image.name, number), ""), 1600, 256, "F") for number in "1234"
        ]
        found_chw = masks_of(split.labels(index), split.task, 4)
        np.testing.assert_array_equal(found_chw, expected_chw)
        both += int((found_chw.sum(0) == 2).sum())
    assert both > 0 and len(split.samples) == 7


def test_uw_madison_has_three_classes_along_rows(tmp_path: Path) -> None:
    dataset, split = guessed("07uwmgi", tmp_path)
    rows = {(slice_, name): runs for slice_, name, runs in rows_of(layout("07uwmgi") / "train.csv")}
    names = [c.name for c in split.classes]
    assert dataset.task == "multilabel" and names == ["large_bowel", "small_bowel", "stomach"]
    overlapping = 0
    for index, sample in enumerate(split.samples):
        width, height = map(int, sample.image.stem.split("_")[2:4])
        assert pixels_of(sample.image).shape == (height, width)
        expected_chw = [painted(rows[sample.id, name], width, height, "C") for name in names]
        found_chw = masks_of(split.labels(index), split.task, 3)
        np.testing.assert_array_equal(found_chw, expected_chw)
        overlapping += int((found_chw.sum(0) > 1).sum())
    assert overlapping > 0


def test_carvanas_gifs_are_its_table(tmp_path: Path) -> None:
    dataset, split = guessed("05carvana", tmp_path)
    rows = dict(rows_of(layout("05carvana") / "train_masks.csv"))
    assert dataset.task == "binary" and len(split.classes) == 1
    for index, sample in enumerate(split.samples):
        height, width = pixels_of(sample.image).shape[:2]
        gif = pixels_of(layout("05carvana") / f"train_masks/{sample.image.stem}_mask.gif")
        found_chw = masks_of(split.labels(index), split.task, 1)
        np.testing.assert_array_equal(found_chw[0], gif > 0)
        np.testing.assert_array_equal(found_chw[0], painted(rows[sample.image.name], width, height, "F"))


def test_hubmap_is_binary(tmp_path: Path) -> None:
    dataset, split = guessed("08hubmap", tmp_path)
    rows = dict(rows_of(layout("08hubmap") / "train.csv"))
    assert dataset.task == "binary" and len(split.samples) == len(rows)
    for index, sample in enumerate(split.samples):
        labels_hw = split.labels(index)
        height, width = labels_hw.shape
        np.testing.assert_array_equal(labels_hw, painted(rows[sample.id], width, height, "F"))


def test_the_held_out_part_is_of_the_same_task(tmp_path: Path) -> None:
    dataset, _ = guessed("06severstal", tmp_path)
    train, val = open_split(dataset, "train"), open_split(dataset, "val")
    assert {train.task, val.task} == {"multilabel"}
    assert {labels.dtype for labels in (train.labels(0), val.labels(0))} == {np.dtype(np.uint8)}
