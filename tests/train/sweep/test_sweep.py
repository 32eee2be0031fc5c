"""Sweeps on the toy: what is tried, what fails, what a kill costs, what is chosen."""

import math
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from optuna.trial import TrialState
from ruamel.yaml import YAML

from seg.data import open_split
from seg.errors import SpecError
from seg.spec import EnsembleSpec, MemberSpec, load_ensemble
from seg.spec.dataset.groups import GroupSpec
from seg.spec.recipe.sweep import load_sweep
from seg.train.callbacks.on_epoch import OnEpoch
from seg.train.run.record import TrainingResult
from seg.train.sweep import TrialResult, choose_complementary, open_sweep, study
from seg.train.sweep.charts import draw_sweep
from seg.train.sweep.write_ensemble import write_ensemble_of_trials
from seg.train.trainer import train_member

pytestmark = pytest.mark.slow

WriteSweep = Callable[..., Path]


@pytest.fixture
def write_sweep(toy_spec: Callable[..., Path], tmp_path: Path) -> WriteSweep:
    def write(**parts: Any) -> Path:
        document = YAML(typ="safe").load(toy_spec(tmp_path / "base", epochs=2))
        sweep = {"data": document["data"], "recipe": document["recipe"], "runs": "sweep", **parts}
        path = tmp_path / "sweep.yaml"
        YAML(typ="safe").dump(sweep, path)
        return path

    return write


def run(path: Path) -> list[TrialResult]:
    """Run a sweep; the trials that ended in it."""
    ended: list[TrialResult] = []
    open_sweep(load_sweep(path)).run(ended.append)
    return ended


def test_every_combination_is_tried_once_and_failures_are_recorded(write_sweep: WriteSweep) -> None:
    path = write_sweep(
        grid={
            "architecture": ["linknet", "deeplabv3plus"],
            "encoder": ["tu-test_efficientnet", {"encoder": "densenet121", "epochs": 1}],
        }
    )
    spec = load_sweep(path)
    assert len(list(spec.combinations())) == 4
    small = spec.model_copy(update={"grid": {"architecture": ["linknet", "deeplabv3plus"]}})
    assert len(list(small.combinations())) == 2
    document = YAML(typ="safe").load(path)
    document["grid"] = {
        "encoder": ["tu-test_efficientnet", {"architecture": "deeplabv3plus", "encoder": "densenet121"}]
    }
    YAML(typ="safe").dump(document, path)
    ended = run(path)
    assert sorted(outcome.state for outcome in ended) == ["complete", "fail"]
    failed = next(outcome for outcome in ended if outcome.state == "fail")
    assert "cannot be dilated" in failed.reason
    assert run(path) == []
    found = open_sweep(load_sweep(path)).outcomes()
    assert [outcome.state for outcome in found] == ["complete", "fail"]
    assert found[0].parameters and found[0].gflops and found[0].seconds
    assert draw_sweep(path.parent / "sweep.png", spec.metric, found)


def test_a_trial_is_what_training_its_recipe_is(
    write_sweep: WriteSweep, toy_spec: Callable[..., Path], tmp_path: Path
) -> None:
    (outcome,) = run(write_sweep(grid={"learning_rate": [0.01]}))
    alone = load_ensemble(toy_spec(tmp_path / "alone", epochs=2, learning_rate=0.01))
    assert outcome.score == train_member(alone, alone.members[0]).best_miou


def test_a_killed_sweep_goes_on_with_the_trial_that_ran(write_sweep: WriteSweep) -> None:
    path = write_sweep(grid={"seed": [0, 1]})
    document = YAML(typ="safe").load(path)
    document["recipe"]["epochs"] = 30
    YAML(typ="safe").dump(document, path)
    worker = subprocess.Popen(
        [sys.executable, "-m", "seg", "sweep", str(path)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    runs = path.parent / "sweep"
    deadline = time.monotonic() + 120
    while not list(runs.glob("*/last.ckpt")) and time.monotonic() < deadline:
        time.sleep(0.05)
    worker.send_signal(signal.SIGKILL)
    worker.wait()
    (begun,) = runs.glob("*/last.ckpt")
    assert not (begun.parent / "model.safetensors").exists(), "the trial ended before it was killed"
    ended = run(path)
    assert [outcome.state for outcome in ended] == ["complete", "complete"]
    assert begun.parent.name in {outcome.name for outcome in ended}
    states = [outcome.state for outcome in open_sweep(load_sweep(path)).outcomes()]
    assert sorted(states) == ["complete", "complete", "taken back"]


def test_two_workers_share_a_study(write_sweep: WriteSweep) -> None:
    path = write_sweep(grid={"seed": [0, 1, 2, 3]})
    open_sweep(load_sweep(path))
    command = [sys.executable, "-m", "seg", "sweep", str(path)]
    workers = [
        subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) for _ in "ab"
    ]
    said = [worker.communicate(timeout=600)[0] for worker in workers]
    assert [worker.returncode for worker in workers] == [0, 0], said
    found = open_sweep(load_sweep(path)).outcomes()
    assert len(found) == 4
    finished = [outcome for outcome in found if outcome.is_finished]
    assert sorted({outcome.setting["seed"] for outcome in finished}) == [0, 1, 2, 3]
    assert len({outcome.name for outcome in finished}) == 4


WORKER = """
import sys, time
from pathlib import Path
from types import SimpleNamespace
from seg.spec.recipe.sweep import load_sweep
from seg.train.sweep import open_sweep, study

def train_member(spec, member, on_epoch):
    print(member.name, flush=True)
    return SimpleNamespace(seconds=1.0, parameters=1, gflops=1.0, score=0.5)

study.train_member = train_member
open_sweep(load_sweep(Path(sys.argv[1]))).run(lambda _: None)
"""


def test_workers_that_begin_at_once_never_take_the_same_trial(write_sweep: WriteSweep) -> None:
    path = write_sweep(grid={"seed": list(range(40))})
    command = [sys.executable, "-c", WORKER, str(path)]
    workers = [
        subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) for _ in "abc"
    ]
    said = [worker.communicate(timeout=600) for worker in workers]
    assert [worker.returncode for worker in workers] == [0, 0, 0], said
    trained = [name for out, _ in said for name in out.split()]
    assert len(trained) == len(set(trained)) == 40


def test_a_worker_that_was_taken_for_dead_goes_on(
    write_sweep: WriteSweep, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write_sweep(grid={"seed": [0, 1]})
    other = open_sweep(load_sweep(path)).study
    trained: list[str] = []

    def train_and_sleep(spec: EnsembleSpec, member: MemberSpec, on_epoch: OnEpoch) -> TrainingResult:
        result = train_member(spec, member, on_epoch=on_epoch)
        if not trained:
            other.tell(other.trials[0].number, state=TrialState.FAIL)
        trained.append(member.name)
        return result

    monkeypatch.setattr(study, "train_member", train_and_sleep)
    found = open_sweep(load_sweep(path))
    found.run(lambda _: None)
    states = [outcome.state for outcome in found.outcomes()]
    assert sorted(states) == ["complete", "complete", "taken back"]
    assert len(trained) == 3
    assert len(set(trained)) == 2


def test_a_search_draws_what_the_ranges_allow_and_prunes(write_sweep: WriteSweep) -> None:
    search = {
        "learning_rate": {"low": 1e-6, "high": 1e-2, "log": True},
        "loss": [{"cross_entropy": 1.0}, {"cross_entropy": 0.5, "dice": 0.5}],
    }
    path = write_sweep(search=search, trials=5, pruner="median")
    document = YAML(typ="safe").load(path)
    document["recipe"]["epochs"] = 4
    YAML(typ="safe").dump(document, path)
    found = open_sweep(load_sweep(path))
    found.run(lambda _: None)
    assert len(found.outcomes()) == 5
    for outcome in found.outcomes():
        assert 1e-6 <= outcome.setting["learning_rate"] <= 1e-2
        assert outcome.setting["loss"] in search["loss"]
        assert outcome.state in {"complete", "pruned"}
        if outcome.state == "pruned":
            assert "behind the others" in outcome.reason


def test_the_best_together_are_not_copies(write_sweep: WriteSweep, tmp_path: Path) -> None:
    path = write_sweep(grid={"seed": [0, 1], "learning_rate": [0.01, 0.005]})
    run(path)
    spec = load_sweep(path)
    outcomes = open_sweep(spec).outcomes()
    twin = TrialResult(99, outcomes[0].name, outcomes[0].setting, "complete", outcomes[0].score)
    val = open_split(spec.data, "val")
    (alone,) = choose_complementary([outcomes[0], twin], spec.runs, val, 2, spec.metric)
    assert alone.outcome == outcomes[0]
    together = choose_complementary(outcomes, spec.runs, val, 3, spec.metric)
    (best,) = choose_complementary(outcomes, spec.runs, val, 1, spec.metric)
    assert together[0].score == best.score
    assert all(earlier.score < later.score for earlier, later in pairwise(together))
    assert all(one.error > 0 for one in together)
    grouped = choose_complementary(outcomes, spec.runs, val, 3, spec.metric, GroupSpec(pattern="png$"))
    assert [one.score for one in grouped] == [one.score for one in together]
    assert {one.error for one in grouped} == {math.inf}
    write_ensemble_of_trials(tmp_path / "top.yaml", spec, together)
    written = load_ensemble(tmp_path / "top.yaml")
    assert [member.name for member in written.members] == [one.outcome.name for one in together]
    for member in written.members:
        assert train_member(written, member).best_miou in {outcome.score for outcome in outcomes}


@pytest.mark.parametrize("metric", ["dice", "boundary-iou"])
def test_trials_are_chosen_by_the_metric_of_the_sweep(
    write_sweep: WriteSweep, tmp_path: Path, metric: str
) -> None:
    path = write_sweep(grid={"seed": [0, 1]}, metric=metric)
    run(path)
    spec = load_sweep(path)
    outcomes = open_sweep(spec).outcomes()
    val = open_split(spec.data, "val")
    together = choose_complementary(outcomes, spec.runs, val, 2, spec.metric)
    # Training has judged the same label maps, in batches.
    assert together[0].outcome == outcomes[0]
    assert together[0].score == pytest.approx(outcomes[0].score, abs=1e-6)
    write_ensemble_of_trials(tmp_path / "top.yaml", spec, together)
    assert load_ensemble(tmp_path / "top.yaml").metric == spec.metric


@pytest.mark.parametrize(
    ("parts", "problem"),
    [
        ({}, "either a 'grid' or a 'search'"),
        ({"grid": {"sed": [1]}}, "'sed' is no field of a recipe"),
        ({"grid": {"seed": 1}}, "is a list of values to try"),
        ({"grid": {"epochs": [0]}}, "at least 1"),
        ({"search": {"seed": [1]}}, "'trials' belongs to a 'search'"),
        ({"search": {"learning_rate": {"low": 1, "high": 0.1}}, "trials": 1}, "low is below high"),
    ],
)
def test_a_wrong_sweep_is_one_line_that_names_its_place(
    write_sweep: WriteSweep, parts: dict[str, Any], problem: str
) -> None:
    with pytest.raises(SpecError, match=problem):
        load_sweep(write_sweep(**parts))


def test_a_database_that_cannot_be_opened_is_one_line(write_sweep: WriteSweep) -> None:
    path = write_sweep(grid={"seed": [0]}, storage="nothing://here")
    with pytest.raises(SpecError, match="storage: nothing://here cannot be opened"):
        open_sweep(load_sweep(path))
