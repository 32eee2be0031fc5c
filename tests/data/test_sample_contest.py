"""The built-in contest: the same for everyone, in a contest's form, and its runs say what was drawn."""

import csv
from collections import Counter
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from seg.data.images.images import read_image
from seg.data.sample import write_sample_contest
from seg.data.sample.surface import DEFECTS, draw_surface
from seg.errors import OutputError

SIZE_HW = (48, 64)
COUNTS = {"train": 20, "val": 10, "test": 10}
write = partial(write_sample_contest, train=20, val=10, predict=10, size_hw=SIZE_HW)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("contest") / "data"
    assert write(path, "multilabel")
    return path


def contents(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def rows_of(table: Path) -> list[dict[str, str]]:
    with table.open(encoding="utf-8") as file:
        return list(csv.DictReader(file))


def painted(runs: str) -> NDArray[np.bool_]:
    """Run lengths down the columns from 1, one by one."""
    pixels = [False] * (SIZE_HW[0] * SIZE_HW[1])
    numbers = list(map(int, runs.split()))
    for start, length in zip(numbers[::2], numbers[1::2], strict=True):
        pixels[start - 1 : start - 1 + length] = [True] * length
    return np.array(pixels).reshape(SIZE_HW[1], SIZE_HW[0]).T


def test_the_same_seed_gives_the_same_bytes(folder: Path, tmp_path: Path) -> None:
    write(tmp_path / "again", "multilabel")
    assert contents(tmp_path / "again") == contents(folder)
    write(tmp_path / "other", "multilabel", seed=1)
    assert contents(tmp_path / "other") != contents(folder)


def test_writing_again_does_nothing_and_overwrites_nothing(folder: Path) -> None:
    before = contents(folder)
    assert not write(folder, "multilabel")
    with pytest.raises(OutputError, match="holds something else"):
        write(folder, "binary")
    assert contents(folder) == before


@pytest.mark.parametrize(
    "table, split", [("train.csv", "train"), ("val.csv", "val"), ("held_out.csv", "test")]
)
def test_four_of_five_masks_are_empty(folder: Path, table: str, split: str) -> None:
    shown = Counter(row["ClassId"] for row in rows_of(folder / table) if row["EncodedPixels"])
    assert shown == dict.fromkeys("1234", COUNTS[split] // 5)
    assert len(list((folder / split).iterdir())) == COUNTS[split]


def test_runs_say_what_was_drawn_and_classes_overlap(folder: Path) -> None:
    rows = {(row["ImageId"], row["ClassId"]): row["EncodedPixels"] for row in rows_of(folder / "train.csv")}
    overlaps = 0
    for number in range(1, COUNTS["train"] + 1):
        name = f"train_{number:04}.jpg"
        found_chw = np.stack([painted(rows.get((name, str(c + 1)), "")) for c in range(len(DEFECTS))])
        present = [bool(mask_hw.any()) for mask_hw in found_chw]
        image_hwc, drawn_chw = draw_surface(SIZE_HW, present, np.random.default_rng([0, 0, number]))
        np.testing.assert_array_equal(found_chw, drawn_chw)
        assert np.abs(read_image(folder / "train" / name).astype(int) - image_hwc).mean() < 8
        overlaps += int((found_chw.sum(0) > 1).any())
    assert overlaps


def test_a_sample_submission_has_the_rows_of_the_held_out_truth_without_runs(folder: Path) -> None:
    truth, sample = rows_of(folder / "held_out.csv"), rows_of(folder / "sample_submission.csv")
    assert [(row["ImageId"], row["ClassId"], "") for row in truth] == [tuple(row.values()) for row in sample]
    assert len(sample) == COUNTS["test"] * len(DEFECTS)


def test_the_binary_contest_has_the_same_images_and_one_class(folder: Path, tmp_path: Path) -> None:
    write(tmp_path / "binary", "binary")
    pictures = {name: content for name, content in contents(folder).items() if name.endswith(".jpg")}
    assert pictures.items() <= contents(tmp_path / "binary").items()
    of_stain = [row for row in rows_of(folder / "train.csv") if row["ClassId"] == "1"]
    assert rows_of(tmp_path / "binary/train.csv") == of_stain
