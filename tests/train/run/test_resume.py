"""A run that was cut off anywhere ends with the very bytes of one that was not."""

import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import lightning
import pytest

from seg.data.images.images import read_image, write_image
from seg.errors import ModelError, OutputError, SpecError
from seg.files.atomic import sha256_of
from seg.spec import load_ensemble
from seg.train.callbacks import run_checkpoint
from seg.train.member.lightning_module import MemberModule
from seg.train.run.folder import RunFolder
from seg.train.run.record import TrainingResult
from seg.train.splits import decoded_split
from seg.train.trainer import train_member
from tests.train.power_cut import PowerCutError, cut_at_call

pytestmark = pytest.mark.slow

SpecWriter = Callable[..., Path]
EPOCHS = 5


def train(spec_path: Path, *, retrain: bool = False) -> TrainingResult:
    spec = load_ensemble(spec_path)
    return train_member(spec, spec.member("toy"), retrain=retrain)


def outcome(spec_path: Path) -> tuple[str, str]:
    """The metrics as text and the model's SHA-256."""
    folder = spec_path.parent / "runs" / "toy"
    assert sorted(f.name for f in folder.iterdir() if not f.name.startswith(".")) == [
        "curves.png",
        "metrics.csv",
        "model.safetensors",
        "run.json",
    ]
    return (folder / "metrics.csv").read_text(), sha256_of(folder / "model.safetensors")


@pytest.fixture(scope="module")
def whole(toy_spec: SpecWriter, tmp_path_factory: pytest.TempPathFactory) -> tuple[str, str]:
    """The outcome of a run that nothing cut off."""
    spec = toy_spec(tmp_path_factory.mktemp("whole"), epochs=EPOCHS)
    train(spec)
    return outcome(spec)


@pytest.mark.parametrize(
    ("holder", "name", "call"),
    [
        pytest.param(MemberModule, "training_step", 1, id="before anything"),
        pytest.param(MemberModule, "training_step", 4, id="in the second epoch"),
        pytest.param(MemberModule, "validation_step", 3, id="in validation"),
        pytest.param(run_checkpoint, "save_checkpoint", 2, id="before the best is saved"),
        pytest.param(RunFolder, "write_metrics", 2, id="after the best is saved"),
        pytest.param(lightning.Trainer, "save_checkpoint", 3, id="after the metrics are written"),
        pytest.param(lightning.Trainer, "save_checkpoint", EPOCHS, id="in the last epoch"),
        pytest.param(RunFolder, "finish", 1, id="after the last epoch"),
        pytest.param(RunFolder, "write_record", 2, id="before the last record"),
        pytest.param(RunFolder, "publish_best", 1, id="after the last record"),
        pytest.param(RunFolder, "remove_resume_state", 1, id="before the state is removed"),
    ],
)
def test_goes_on_from_any_cut(
    toy_spec: SpecWriter,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    whole: tuple[str, str],
    holder: Any,
    name: str,
    call: int,
) -> None:
    spec = toy_spec(tmp_path, epochs=EPOCHS)
    with monkeypatch.context() as patch, pytest.raises(PowerCutError):
        cut_at_call(patch, holder, name, call)
        train(spec)

    train(spec)
    assert outcome(spec) == whole


def test_goes_on_after_kill_9(toy_spec: SpecWriter, tmp_path: Path) -> None:
    whole, killed = (toy_spec(tmp_path / name, epochs=20) for name in ("whole", "killed"))
    train(whole)
    folder = killed.parent / "runs" / "toy"
    command = [sys.executable, "-m", "seg", "train", str(killed)]
    with subprocess.Popen(command, stderr=subprocess.DEVNULL) as process:
        while not (folder / "last.ckpt").exists():
            assert process.poll() is None
            time.sleep(0.002)
        process.send_signal(signal.SIGKILL)
    assert 1 <= run_checkpoint.epochs_in_checkpoint(folder / "last.ckpt") < 20
    assert not (folder / "model.safetensors").exists()

    train(killed)
    assert outcome(killed) == outcome(whole)


def test_workers_change_nothing(
    toy_spec: SpecWriter,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    whole: tuple[str, str],
) -> None:
    spec = toy_spec(tmp_path, epochs=EPOCHS, workers=2)
    with monkeypatch.context() as patch, pytest.raises(PowerCutError):
        cut_at_call(patch, RunFolder, "write_metrics", 3)
        train(spec)
    train(spec)
    assert outcome(spec) == whole


def test_images_that_do_not_fit_into_memory_change_nothing(
    toy_spec: SpecWriter, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, whole: tuple[str, str]
) -> None:
    spec = toy_spec(tmp_path, epochs=EPOCHS)
    monkeypatch.setattr(decoded_split, "KEPT_BYTES", 3 * 32 * 32 * 4)
    train(spec)
    assert outcome(spec) == whole


def test_another_seed_is_another_run(toy_spec: SpecWriter, tmp_path: Path) -> None:
    one, other = toy_spec(tmp_path / "one", seed=1, epochs=1), toy_spec(tmp_path / "other", seed=2, epochs=1)
    train(one)
    train(other)
    assert outcome(one) != outcome(other)


def test_a_finished_run_is_not_trained_again(
    toy_spec: SpecWriter, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spec = toy_spec(tmp_path, epochs=1)
    result = train(spec)
    with monkeypatch.context() as patch:
        patch.setattr(MemberModule, "training_step", None)
        assert train(spec) == result
        assert train(toy_spec(tmp_path, epochs=1, workers=3)) == result
    before = outcome(spec)
    train(spec, retrain=True)
    assert outcome(spec) == before


def test_a_changed_recipe_is_refused_by_name(toy_spec: SpecWriter, tmp_path: Path) -> None:
    train(toy_spec(tmp_path, epochs=1))
    with pytest.raises(
        SpecError, match=r"learning_rate 0\.005 .* 0\.1: rename the member, or pass --retrain"
    ):
        train(toy_spec(tmp_path, epochs=1, learning_rate=0.1))
    train(toy_spec(tmp_path, epochs=1, learning_rate=0.1), retrain=True)


def test_a_changed_recipe_is_refused_in_the_middle(
    toy_spec: SpecWriter, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch, pytest.raises(PowerCutError):
        cut_at_call(patch, MemberModule, "training_step", 4)
        train(toy_spec(tmp_path))
    with pytest.raises(SpecError, match="scale"):
        train(toy_spec(tmp_path, scale=[1.0, 1.0]))


def test_a_run_that_never_began_may_change(
    toy_spec: SpecWriter, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch, pytest.raises(PowerCutError):
        cut_at_call(patch, MemberModule, "training_step", 1)
        train(toy_spec(tmp_path, epochs=1))
    train(toy_spec(tmp_path, epochs=1, scale=[1.0, 1.0]))


def test_changed_labels_are_refused(toy_spec: SpecWriter, tmp_path: Path) -> None:
    spec = toy_spec(tmp_path, epochs=1)
    train(spec)
    text = spec.read_text()
    spec.write_text(text.replace("red", "crimson"))
    with pytest.raises(SpecError, match="other classes"):
        train(spec)
    spec.write_text(text.replace("/val", "/train"))
    with pytest.raises(SpecError, match="other validation labels"):
        train(spec)


def test_changed_images_are_refused(toy_spec: SpecWriter, toy_data: Path, tmp_path: Path) -> None:
    """Of the same names and labels: a run is finished for the images that it has seen."""
    data = Path(shutil.copytree(toy_data, tmp_path / "data"))
    spec = toy_spec(tmp_path, epochs=1)
    spec.write_text(spec.read_text().replace(str(toy_data), str(data)))
    train(spec)
    for split, kind in (("train", "training"), ("val", "validation")):
        image = data / split / "0.png"
        before = image.read_bytes()
        write_image(image, 255 - read_image(image))
        with pytest.raises(SpecError, match=f"other {kind} images"):
            train(spec)
        image.write_bytes(before)
    train(spec)


def test_files_that_no_run_left_are_kept(toy_spec: SpecWriter, tmp_path: Path) -> None:
    spec = toy_spec(tmp_path, epochs=1)
    folder = load_ensemble(spec).run_folder(load_ensemble(spec).members[0])
    folder.mkdir(parents=True)
    weights = folder / "model.safetensors"
    weights.write_bytes(b"downloaded")
    with pytest.raises(OutputError, match=r"model\.safetensors: was not written by seg"):
        train(spec)
    assert weights.read_bytes() == b"downloaded"
    train(spec, retrain=True)


def test_one_run_at_a_time(toy_spec: SpecWriter, tmp_path: Path) -> None:
    spec = toy_spec(tmp_path, epochs=1)
    with RunFolder(spec.parent / "runs" / "toy").locked(), pytest.raises(OutputError, match="another run"):
        train(spec)
    train(spec)


def test_damaged_files_are_named(
    toy_spec: SpecWriter, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spec = toy_spec(tmp_path)
    folder = spec.parent / "runs" / "toy"
    with monkeypatch.context() as patch, pytest.raises(PowerCutError):
        cut_at_call(patch, MemberModule, "training_step", 4)
        train(spec)
    whole = (folder / "last.ckpt").read_bytes()
    for damaged in (b"", whole[:1000], b"not a checkpoint"):
        (folder / "last.ckpt").write_bytes(damaged)
        with pytest.raises(ModelError, match=r"last\.ckpt: is damaged"):
            train(spec)
    (folder / "run.json").write_text("{}")
    with pytest.raises(ModelError, match=r"run\.json: is not the record of a run"):
        train(spec)
