"""A share of the training images as the validation split."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from seg.data import open_split
from seg.data.check.dataset import check_dataset
from seg.data.images.images import write_image, write_mask
from seg.errors import DataError, SpecError
from seg.spec import DatasetSpec, load_dataset


def dataset(folder: Path, val: Any, names: list[str], rare: int = 0) -> DatasetSpec:
    """Images with masks of class 0 and 1; the first `rare` also have class 2."""
    for number, name in enumerate(names):
        write_image(folder / f"x/{name}.png", np.full((1, 3, 3), number, np.uint8))
        write_mask(folder / f"m/{name}.png", np.array([[0, 1, 2 if number < rare else 1]], np.uint8))
    values = {"train": {"images": "x", "masks": "m"}, "val": val, "classes": ["a", "b", "c"]}
    return DatasetSpec.model_validate(values, context={"folder": folder})


def ids(data: DatasetSpec, name: Any) -> list[str]:
    return [sample.id for sample in open_split(data, name).samples]


NAMES = [f"p{number // 3}_{number % 3}" for number in range(30)]


@pytest.mark.parametrize("share", [0.1, 0.2, 0.5])
def test_a_share_is_held_out_and_nothing_is_lost(tmp_path: Path, share: float) -> None:
    data = dataset(tmp_path, share, NAMES)
    train, val = ids(data, "train"), ids(data, "val")
    assert len(val) == round(30 * share)
    assert sorted(train + val) == sorted(NAMES)
    assert ids(data, "predict") == val
    assert ids(data, "val") == val


def test_another_seed_holds_out_others(tmp_path: Path) -> None:
    held_out = {
        tuple(ids(dataset(tmp_path, {"share": 0.2, "seed": seed}, NAMES), "val")) for seed in range(3)
    }
    assert len(held_out) == 3


def test_images_of_a_group_are_on_one_side(tmp_path: Path) -> None:
    data = dataset(tmp_path, {"share": 0.2, "group": "{patient}_*"}, NAMES)
    train, val = ({name.split("_")[0] for name in ids(data, split)} for split in ("train", "val"))
    assert not train & val
    assert len(val) == 2


def test_groups_of_the_dataset_are_kept_together(tmp_path: Path) -> None:
    data = DatasetSpec.model_validate(
        {**dataset(tmp_path, 0.2, NAMES).model_dump(exclude_unset=True), "group": r"^(p\d+)_"}
    )
    train, val = ({name.split("_")[0] for name in ids(data, split)} for split in ("train", "val"))
    assert not train & val
    assert len(val) == 2


def test_each_class_has_its_share(tmp_path: Path) -> None:
    data = dataset(tmp_path, {"share": 0.2, "stratify": "classes"}, NAMES, rare=5)
    assert len(set(ids(data, "val")) & set(NAMES[:5])) == 1


def test_labels_are_those_of_the_whole(tmp_path: Path) -> None:
    data = dataset(tmp_path, 0.2, NAMES, rare=30)
    assert open_split(data, "val").labels(0).tolist() == [[0, 1, 2]]
    report = check_dataset(data)
    assert [(split.name, split.images) for split in report.splits] == [("train", 24), ("val", 6)]
    assert not report.findings


def test_one_image_is_held_out_of_few(tmp_path: Path) -> None:
    assert len(ids(dataset(tmp_path, 0.1, ["a", "b"]), "val")) == 1


def test_what_cannot_be_divided_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="the training images are 1 image: there must be 2"):
        ids(dataset(tmp_path, 0.2, ["a"]), "val")
    with pytest.raises(SpecError, match=r"'\{p\}-\*' does not match image 'a'"):
        ids(dataset(tmp_path, {"share": 0.2, "group": "{p}-*"}, NAMES), "val")


@pytest.mark.parametrize(
    ("val", "problem"),
    [
        ("2", "data.yaml:3: val: at most 0.999"),
        ("{share: 0.2, stratify: size}", "val.stratify: 'size' is not known"),
        ("{share: 0.2, images: x}", "val.images: unknown key"),
        ("{images: x, masks: m, labels: t.csv}", r"masks and labels \(run lengths\) exclude each other"),
        ("[a]", "val: a mapping of keys to values, got"),
    ],
)
def test_nonsense_is_refused_with_its_line(tmp_path: Path, val: str, problem: str) -> None:
    (tmp_path / "data.yaml").write_text(f"classes: [a, b]\ntrain: {{images: x, masks: m}}\nval: {val}\n")
    with pytest.raises(SpecError, match=problem):
        load_dataset(tmp_path / "data.yaml")
