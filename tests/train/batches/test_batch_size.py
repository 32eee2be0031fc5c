"""Batches that fit: found before training, and taken in parts where memory runs out after all."""

import json
import os
from pathlib import Path

import pytest
import torch
from torch import Tensor

from seg.errors import ModelError, SpecError
from seg.spec import load_ensemble
from seg.train import batch_size as module
from seg.train.dry_run import training_step_bytes
from seg.train.member.lightning_module import MemberModule
from seg.train.networks import build_network
from seg.train.trainer import train_member
from tests.train.conftest import CLASSES, SpecWriter
from tests.train.toy_metrics import metrics

pytestmark = pytest.mark.slow


def train(path: Path) -> None:
    spec = load_ensemble(path)
    train_member(spec, spec.member("toy"))


def memory_for(images: int, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Let steps of more images run out of memory; the list has the sizes of all steps that did not."""
    sizes: list[int] = []
    plain = MemberModule.training_step

    def step(self: MemberModule, batch: tuple[Tensor, Tensor], index: int) -> Tensor:
        if len(batch[0]) > images and self.current_epoch > 0:
            raise torch.OutOfMemoryError("CUDA out of memory")
        sizes.append(len(batch[0]))
        return plain(self, batch, index)

    monkeypatch.setattr(MemberModule, "training_step", step)
    return sizes


def test_a_run_goes_on_in_parts_with_the_same_steps(
    toy_spec: SpecWriter, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    whole, parted = (toy_spec(tmp_path / name, epochs=3, batch_size=8) for name in ("whole", "parted"))
    train(whole)
    sizes = memory_for(2, monkeypatch)
    train(parted)
    assert sizes == [8, *4 * [2], *4 * [2]]
    assert "out of memory: each batch is split into 4, from epoch 2 on" in capsys.readouterr().err
    # The schedule moves with every optimiser step, so equal rates tell equal steps.
    assert [row["learning_rate"] for row in metrics(parted)] == [
        row["learning_rate"] for row in metrics(whole)
    ]


def test_memory_for_less_than_two_images_is_one_line(
    toy_spec: SpecWriter, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    memory_for(1, monkeypatch)
    with pytest.raises(
        ModelError, match="out of memory with 2 images in a step: lower the recipe's batch_size"
    ):
        train(toy_spec(tmp_path, epochs=2))


def test_auto_is_the_largest_power_of_two_that_fits_and_stays(
    toy_spec: SpecWriter, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = toy_spec(tmp_path, epochs=1, batch_size="auto")
    network = build_network("linknet", "tu-test_efficientnet", len(CLASSES))
    room = training_step_bytes(network, (32, 32), 7) / module.MEMORY_SHARE
    monkeypatch.setattr(os, "sysconf", lambda name: int(room) if "PAGES" in name else 1)
    train(path)
    record = json.loads((tmp_path / "runs" / "toy" / "run.json").read_text())
    assert record["recipe"]["batch_size"] == 4
    # More memory later on does not make the finished run another one.
    monkeypatch.setattr(os, "sysconf", lambda name: 2**40)
    train(path)


def test_too_little_memory_for_auto_is_one_line(
    toy_spec: SpecWriter, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "sysconf", lambda name: 1)
    with pytest.raises(SpecError, match="batch_size: auto: 2 images of"):
        train(toy_spec(tmp_path, batch_size="auto"))
