"""What `seg train` says beforehand, against counts by hand, with a step of a known time."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from seg.commands.app import app
from seg.spec import load_ensemble
from seg.train import estimate
from seg.train.dry_run import dry_run
from seg.train.estimate import estimate_training
from seg.train.run.folder import RunFolder
from tests.train.conftest import CLASSES, RECIPE, SpecWriter

STEP_S = 0.2


@pytest.fixture(autouse=True)
def step_of_known_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(estimate, "run_training_step", lambda *_, **__: (STEP_S, 1.0))


def test_time_is_that_of_all_images_of_all_epochs(toy_spec: SpecWriter, tmp_path: Path) -> None:
    """Ten images are trained on and three are validated, at a third of the cost; a step has four images."""
    spec = load_ensemble(toy_spec(tmp_path))
    found = estimate_training(spec, spec.members[0], retrain=False)
    assert found.epochs == RECIPE["epochs"] == 4
    assert found.seconds == pytest.approx(4 * (10 + 3 / 3) * STEP_S / 4)
    cost = dry_run(spec.recipe_of(spec.members[0]), len(CLASSES), "multiclass")
    assert (found.parameters, found.memory) == (cost.cost.parameters, cost.memory)


def test_with_samples_an_epoch_is_so_many_crops(toy_spec: SpecWriter, tmp_path: Path) -> None:
    spec = load_ensemble(toy_spec(tmp_path, samples=24))
    found = estimate_training(spec, spec.members[0], retrain=False)
    assert found.seconds == pytest.approx(4 * (24 + 3 / 3) * STEP_S / 4)


def test_epochs_that_are_done_are_not_counted(
    toy_spec: SpecWriter, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spec = load_ensemble(toy_spec(tmp_path))
    (member,) = spec.members
    last = RunFolder(spec.run_folder(member)).last
    monkeypatch.setattr(estimate, "epochs_in_checkpoint", {last: 3}.__getitem__)
    assert estimate_training(spec, member, retrain=False).epochs == 1
    assert estimate_training(spec, member, retrain=True).epochs == 4


def test_the_command_says_it_first_and_only_of_what_is_to_be_trained(
    toy_spec: SpecWriter, tmp_path: Path
) -> None:
    path = toy_spec(tmp_path, epochs=1)
    first, second = (
        CliRunner().invoke(app, ["train", str(path)], catch_exceptions=False).stdout for _ in range(2)
    )
    assert first.index("in all") < first.index("val mIoU")
    assert "linknet tu-test_efficientnet" in first
    assert "in all" not in second
