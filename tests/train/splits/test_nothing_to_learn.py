"""Training refuses labels that nothing can be learnt from, before the first step, and warns of others."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from seg.data.images.images import read_mask, write_mask
from seg.errors import DataError
from seg.spec import load_ensemble
from seg.train.trainer import train_member
from tests.train.conftest import SpecWriter


class FirstStepError(Exception):
    """Training would begin."""


@pytest.fixture
def spec_of(
    toy_data: Path, toy_spec: SpecWriter, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[..., Path]:
    """A spec of the toy with other masks, whose networks are never built."""

    def refuse(_: object) -> None:
        raise FirstStepError

    monkeypatch.setattr("seg.train.trainer.build_segmenter", refuse)

    def write(change: Callable[[np.ndarray], np.ndarray], **recipe: object) -> Path:
        path = toy_spec(tmp_path / "project", **recipe)
        for mask in (toy_data / "train_masks").iterdir():
            write_mask(tmp_path / "masks" / mask.name, change(read_mask(mask)).astype(np.uint8))
        path.write_text(path.read_text().replace(str(toy_data / "train_masks"), str(tmp_path / "masks")))
        return path

    return write


def train(path: Path) -> None:
    spec = load_ensemble(path)
    train_member(spec, spec.members[0])


@pytest.mark.slow
def test_classes_that_are_hidden_under_255_are_refused(spec_of: Callable[..., Path]) -> None:
    with pytest.raises(
        DataError, match=r"masks: no pixel of 10 training images is of 2 classes, green, blue; "
    ):
        train(spec_of(lambda labels_hw: np.where(labels_hw == 0, 0, 255)))


@pytest.mark.slow
def test_all_ignored_is_refused(spec_of: Callable[..., Path]) -> None:
    with pytest.raises(DataError, match="no pixel of 10 training images has a label"):
        train(spec_of(lambda labels_hw: np.full_like(labels_hw, 255)))


@pytest.mark.slow
def test_what_can_be_learnt_in_part_is_told_and_trained(
    spec_of: Callable[..., Path], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(FirstStepError):
        train(spec_of(lambda labels_hw: np.where(np.arange(32) < 10, labels_hw % 2, 255), crop=512))
    told = [line for line in capsys.readouterr().err.splitlines() if line.startswith("seg: ")]
    assert ["no pixel of 10 training images is of class blue" in line for line in told] == [
        True,
        False,
        False,
    ]
    assert "are ignored: set 'unlabelled: Background'" in told[1]
    assert "the crop 512x512 is" in told[2]


@pytest.mark.slow
def test_nothing_is_told_of_what_is_right(
    spec_of: Callable[..., Path], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(FirstStepError):
        train(spec_of(lambda labels_hw: labels_hw))
    assert "seg: " not in capsys.readouterr().err


@pytest.mark.slow
def test_a_refused_run_can_be_trained_when_its_labels_are_mended(spec_of: Callable[..., Path]) -> None:
    with pytest.raises(DataError):
        train(spec_of(lambda labels_hw: labels_hw * 0))
    with pytest.raises(FirstStepError):
        train(spec_of(lambda labels_hw: labels_hw))
