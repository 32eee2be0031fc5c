"""Losses and mixing as a recipe writes them."""

from pathlib import Path
from typing import Any

import pytest
from pydantic import TypeAdapter

from seg.errors import SpecError
from seg.spec import RecipeSpec, load_ensemble

DATA = "data: {train: {images: a, annotations: a.json}, val: {images: a, annotations: a.json}}\n"


def recipe(folder: Path, text: str) -> RecipeSpec:
    (folder / "x.yaml").write_text(f"{DATA}members: [{{name: a}}]\nrecipe:\n  {text}\n")
    return load_ensemble(folder / "x.yaml").recipe


@pytest.mark.parametrize(
    "written",
    [
        {"cross_entropy": 0.9, "focal": 0.1},
        {"focal": {"weight": 0.1, "gamma": 3.0}},
        {"cross_entropy": {"weight": 1.0, "class_weights": "balanced", "label_smoothing": 0.1}},
        {"tversky": {"weight": 1.0, "class_weights": {"road": 2.0}, "alpha": 0.2}, "ohem": 2.0},
        {"lovasz": {"weight": 1.0, "class_weights": [1.0, 0.0]}},
    ],
    ids=str,
)
def test_a_loss_is_written_as_it_was_read(tmp_path: Path, written: dict[str, Any]) -> None:
    spec = recipe(tmp_path, f"loss: {written}")
    assert TypeAdapter(RecipeSpec).dump_python(spec, mode="json")["loss"] == written
    assert [loss.parameters for loss in RecipeSpec(loss=written).loss.losses.values()] == [
        loss.parameters for loss in spec.loss.losses.values()
    ]


def test_a_weight_may_be_left_out(tmp_path: Path) -> None:
    (loss,) = recipe(tmp_path, "loss: {ohem: {keep: 0.5}}").loss.losses.values()
    assert (loss.weight, loss.parameters) == (1.0, {"keep": 0.5})


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("loss: {fokal: 1}", "x.yaml:4: recipe.loss.fokal: unknown key: did you mean 'focal'?"),
        ("loss: {focal: {gama: 1}}", "x.yaml:4: recipe.loss.focal.gama: unknown key: did you mean 'gamma'?"),
        ("loss: {focal: -1}", "recipe.loss.focal: at least 1e-09"),
        ("loss: {focal: much}", "recipe.loss.focal: a number, got"),
        ("loss: {focal: }", "recipe.loss: 'focal' needs a weight: focal: 1.0"),
        ("loss: {}", "recipe.loss: some loss is needed: {cross_entropy: 1.0}"),
        ("loss: dice", "recipe.loss: "),
        ("loss: {dice: {label_smoothing: 0.1}}", "recipe.loss.dice.label_smoothing: unknown key"),
        (
            "loss: {dice: {class_weights: even}}",
            "dice.class_weights: is balanced, a list with a weight for each",
        ),
        (
            "loss: {dice: {class_weights: [1, -1]}}",
            "dice.class_weights: a class weight is a number from 0 to 1e+09, got -1",
        ),
        ("loss: {dice: {class_weights: {a: 0}}}", "dice.class_weights: some class needs a weight above 0"),
        (
            "mix: {cutmix: 0.7, mixup: 0.4}",
            "recipe.mix: a batch is mixed in one way, so the shares are at most 1",
        ),
        ("mix: {cutmixx: 0.7}", "recipe.mix.cutmixx: unknown key: did you mean 'cutmix'?"),
    ],
)
def test_mistakes_are_one_line(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(SpecError) as error:
        recipe(tmp_path, text)
    assert message in str(error.value)
    assert len(str(error.value).splitlines()) == 1
