"""A `last.ckpt` that torch reads but no run wrote: one line, or the run goes on."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from seg.errors import ModelError
from seg.spec import load_ensemble
from seg.train.member.lightning_module import MemberModule
from seg.train.trainer import train_member
from tests.train.power_cut import PowerCutError, cut_at_call

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def interrupted(toy_spec: Callable[..., Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The YAML of a run that was cut off in its second epoch."""
    spec = toy_spec(tmp_path_factory.mktemp("interrupted"))
    with pytest.MonkeyPatch.context() as patch, pytest.raises(PowerCutError):
        cut_at_call(patch, MemberModule, "training_step", 4)
        train(spec)
    return spec


def train(path: Path) -> None:
    spec = load_ensemble(path)
    train_member(spec, spec.member("toy"))


def history(state: dict[str, Any]) -> dict[str, Any]:
    (own,) = (one for one in state["callbacks"].values() if "history" in one)
    assert isinstance(own, dict)
    return own


@pytest.mark.parametrize(
    "change",
    [
        lambda state: state.update(epoch=-5),
        lambda state: state.update(epoch="x"),
        lambda state: state.update(state_dict=[]),
        lambda state: state["state_dict"].update({next(iter(state["state_dict"])): torch.zeros(7)}),
        lambda state: history(state).update(history=[]),
        lambda state: history(state).update(seconds="x"),
        lambda state: state.update(optimizer_states=[]),
        lambda state: state.update(lr_schedulers=[]),
        lambda state: state.pop("callbacks"),
        lambda state: state.pop("loops"),
    ],
)
def test_a_state_that_no_run_wrote_is_one_line(
    change: Callable[[dict[str, Any]], object], interrupted: Path
) -> None:
    runs = interrupted.parent / "runs"
    kept = runs.with_name("kept")
    if not kept.exists():
        shutil.copytree(runs, kept)
    shutil.rmtree(runs)
    shutil.copytree(kept, runs)
    state = torch.load(runs / "toy/last.ckpt", weights_only=True)
    change(state)
    torch.save(state, runs / "toy/last.ckpt")
    with pytest.raises(ModelError, match=r"last\.ckpt: is damaged"):
        train(interrupted)
