"""What loggers hold, against `metrics.csv`."""

import csv
from pathlib import Path

import pytest

from seg.runs import read_run_note
from seg.spec import load_ensemble
from seg.train.callbacks import run_checkpoint
from seg.train.trainer import train_member
from tests.train.conftest import SpecWriter
from tests.train.power_cut import PowerCutError, cut_at_call

pytestmark = pytest.mark.slow


def with_lines(path: Path, lines: str) -> Path:
    path.write_text(path.read_text() + lines)
    return path


def metrics(run: Path) -> list[dict[str, float]]:
    with (run / "metrics.csv").open() as file:
        return [{key: float(value) for key, value in row.items()} for row in csv.DictReader(file)]


@pytest.mark.parametrize("logger", ["tensorboard", "mlflow"])
def test_each_epoch_is_there_once_also_after_a_cut(
    logger: str, toy_spec: SpecWriter, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip(logger)
    path = with_lines(toy_spec(tmp_path, epochs=3), f"loggers: [{logger}]\n")
    spec = load_ensemble(path)
    with monkeypatch.context() as patched:
        cut_at_call(patched, run_checkpoint, "atomic_path", 2)
        with pytest.raises(PowerCutError):
            train_member(spec, spec.member("toy"))
    train_member(spec, spec.member("toy"))
    expected = {int(row["epoch"]): row["val_miou"] for row in metrics(tmp_path / "runs" / "toy")}
    read = read_tensorboard if logger == "tensorboard" else read_mlflow
    assert read(tmp_path / "runs") == pytest.approx(expected, rel=1e-6)


def read_tensorboard(runs: Path) -> dict[int, float]:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    events = EventAccumulator(str(runs / "toy" / "tensorboard"))
    events.Reload()
    return {event.step: event.value for event in events.Scalars("val_miou")}


def read_mlflow(runs: Path) -> dict[int, float]:
    from mlflow import MlflowClient

    client = MlflowClient(f"sqlite:///{runs / 'mlflow.db'}")
    experiment = client.get_experiment_by_name("seg")
    assert experiment is not None
    (run,) = client.search_runs([experiment.experiment_id])
    assert run.data.params["architecture"] == "linknet"
    return {one.step: one.value for one in client.get_metric_history(run.info.run_id, "val_miou")}


def test_a_member_may_bear_a_note(toy_spec: SpecWriter, tmp_path: Path) -> None:
    path = toy_spec(tmp_path, epochs=1)
    path.write_text(path.read_text().replace("name: toy", "name: toy, note: the first try"))
    spec = load_ensemble(path)
    train_member(spec, spec.member("toy"))
    assert read_run_note(tmp_path / "runs" / "toy").text == "the first try"
