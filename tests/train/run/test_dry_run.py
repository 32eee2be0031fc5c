"""What training would take, against counts made by hand."""

from pathlib import Path

import torch
from torch import nn
from typer.testing import CliRunner

from seg.commands.app import app
from seg.spec import load_ensemble
from seg.train.dry_run import activation_bytes, dry_run
from seg.train.networks import build_network
from tests.train.conftest import CLASSES, SpecWriter


def test_what_a_forward_pass_keeps_is_counted_once_and_without_weights() -> None:
    height, width, inner = 6, 10, 4
    network = nn.Sequential(nn.Conv2d(3, inner, 3, padding=1), nn.ReLU(), nn.Conv2d(inner, 2, 1))
    # The first convolution keeps its input; ReLU its output, which is also what the second keeps.
    assert activation_bytes(network, (height, width)) == 4 * height * width * (3 + inner)


def test_a_dry_run_counts_the_network_that_would_be_trained(toy_spec: SpecWriter, tmp_path: Path) -> None:
    spec = load_ensemble(toy_spec(tmp_path))
    recipe = spec.recipe_of(spec.members[0])
    found = dry_run(recipe, len(CLASSES), "multiclass")
    network = build_network(recipe.architecture, recipe.encoder, len(CLASSES))
    assert found.cost.parameters == sum(parameter.numel() for parameter in network.parameters())
    assert found.memory == 16 * found.cost.parameters + 4 * activation_bytes(network, (32, 32))
    assert torch.isfinite(torch.tensor(found.loss))


def test_the_command_says_a_row_a_member_and_trains_nothing(toy_spec: SpecWriter, tmp_path: Path) -> None:
    path = toy_spec(tmp_path)
    result = CliRunner().invoke(app, ["train", str(path), "--dry-run"])
    assert result.exit_code == 0, result.output
    assert "3 classes" in result.output
    assert "toy" in result.output
    assert list(tmp_path.iterdir()) == [path]


def test_a_network_that_cannot_work_is_refused_by_name(toy_spec: SpecWriter, tmp_path: Path) -> None:
    path = toy_spec(tmp_path, architecture="deeplabv3plus", encoder="densenet121", crop=64)
    result = CliRunner().invoke(app, ["train", str(path), "--dry-run"])
    assert result.exception is not None
    assert f"{path}: toy: deeplabv3plus does not work with encoder 'densenet121'" in str(result.exception)


def test_nothing_learnt_costs_the_logarithm_of_two_if_classes_overlap(
    toy_spec: SpecWriter, tmp_path: Path
) -> None:
    spec = load_ensemble(toy_spec(tmp_path))
    assert abs(dry_run(spec.recipe_of(spec.members[0]), 1, "binary").loss - 0.69) < 0.3
