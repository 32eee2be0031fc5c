"""Class weights: what a recipe says, and what training makes of it."""

import csv
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from seg.data import open_split
from seg.errors import SpecError
from seg.labels.label_map import IGNORE_INDEX
from seg.spec import load_ensemble
from seg.spec.recipe.losses import LossMixSpec
from seg.train.losses import build_loss
from seg.train.losses.class_weights import median_frequency_weights
from seg.train.splits.decoded_split import DecodedSplit
from seg.train.trainer import train_member

SpecWriter = Callable[..., Path]


def weights(spec_path: Path) -> Any:
    """The class weights of each loss of a recipe, as lists."""
    spec = load_ensemble(spec_path)
    loss = build_loss(spec.recipe.loss, DecodedSplit(open_split(spec.data, "train")))
    return np.round(loss.class_weights.numpy(), 6).tolist()


def test_balanced_by_hand() -> None:
    """Class 0 is 30 of 40 labelled pixels, 1 is 10 of 60, 2 is 20 of 20, and none is of class 3."""
    counts_nc = np.array([[30, 10, 0, 0], [0, 0, 20, 0]])
    assert median_frequency_weights(counts_nc).tolist() == pytest.approx([1, 3, 0.75, 1])
    assert median_frequency_weights(counts_nc * 0).tolist() == [1, 1, 1, 1]


def test_classes_weigh_what_the_recipe_says(toy_spec: SpecWriter, tmp_path: Path) -> None:
    loss = {
        "cross_entropy": 1.0,
        "focal": {"class_weights": {"blue": 3, "red": 0.5}},
        "dice": {"class_weights": [1, 0, 2]},
    }
    assert weights(toy_spec(tmp_path, loss=loss)) == [[1, 1, 1], [0.5, 1, 3], [1, 0, 2]]


def test_balanced_counts_the_training_labels(toy_spec: SpecWriter, tmp_path: Path) -> None:
    path = toy_spec(tmp_path, loss={"lovasz": {"class_weights": "balanced"}})
    split = open_split(load_ensemble(path).data, "train")
    pixels, around = np.zeros(3), np.zeros(3)
    for index in range(len(split.samples)):
        labels_hw = split.labels(index)
        for c in range(3):
            if (labels_hw == c).any():
                pixels[c] += (labels_hw == c).sum()
                around[c] += (labels_hw != IGNORE_INDEX).sum()
    share = pixels / around
    assert weights(path)[0] == pytest.approx(list(np.median(share) / share), rel=1e-5)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        (
            {"loss": {"dice": {"class_weights": [1, 2]}}},
            "has 2 weights for 3 classes: red, green, blue",
        ),
        ({"loss": {"ohem": {"class_weights": {"rde": 2}}}}, "there is no class 'rde': did you mean 'red'?"),
        ({"loss": {"ms_ssim": 1}, "crop": [10, 64]}, "ms_ssim: needs a crop of at least 11 pixels, got 10"),
    ],
)
def test_what_cannot_be_is_refused_before_anything_is_written(
    toy_spec: SpecWriter, tmp_path: Path, fields: dict[str, Any], message: str
) -> None:
    path = toy_spec(tmp_path, **fields)
    spec = load_ensemble(path)
    with pytest.raises(SpecError) as error:
        train_member(spec, spec.members[0])
    assert message in str(error.value)
    for number, line in enumerate(path.read_text().splitlines(), start=1):
        if "class_weights" in line:
            assert str(error.value).startswith(f"{path}:{number}: class_weights: ")
    assert not (tmp_path / "runs").exists()


@pytest.mark.slow
def test_a_run_with_every_loss_learns(toy_spec: SpecWriter, tmp_path: Path) -> None:
    loss = {name: {"weight": 0.2, "class_weights": "balanced"} for name in LossMixSpec.model_fields}
    spec = load_ensemble(toy_spec(tmp_path, loss=loss, precision="bf16", epochs=3))
    train_member(spec, spec.members[0])
    with (tmp_path / "runs" / "toy" / "metrics.csv").open() as file:
        losses = [float(row["train_loss"]) for row in csv.DictReader(file)]
    assert losses[-1] < 0.9 * losses[0]
