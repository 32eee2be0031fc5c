"""The list of runs, from folders as training leaves them."""

import csv
import io
import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from seg.commands.app import app
from seg.errors import DataError
from seg.runs import list_runs, read_run, read_run_curves, write_run_note

RECIPE = {
    "architecture": "fpn",
    "encoder": "resnet18",
    "epochs": 4,
    "loss": {"cross_entropy": 0.9, "focal": 0.1},
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two finished runs and one that was cut off after its second epoch."""
    for name, miou in (("a", 0.4), ("deep/b", 0.6), ("c", None)):
        run = tmp_path / name
        run.mkdir(parents=True)
        result = {"best_miou": miou, "seconds": 90, "parameters": 2_500_000, "gflops": 1.5} if miou else None
        recipe = RECIPE | {"architecture": "unet" if name == "a" else "fpn"}
        (run / "run.json").write_text(json.dumps({"recipe": recipe, "result": result}))
        epochs = 4 if miou else 2
        rows = "".join(f"{epoch},0.{epoch}\n" for epoch in range(1, epochs + 1))
        (run / "metrics.csv").write_text("epoch,val_miou\n" + rows)
    return tmp_path


def test_runs_are_listed_best_first_with_those_that_were_cut_off(folder: Path) -> None:
    runs = list_runs(folder)
    assert [(run.name, run.miou, run.epochs, run.state) for run in runs] == [
        ("deep/b", 0.6, "4/4", "finished"),
        ("a", 0.4, "4/4", "finished"),
        ("c", 0.2, "2/4", "cut off"),
    ]
    assert (runs[0].minutes, runs[0].parameters, runs[0].gflops) == (1.5, 2.5, 1.5)
    assert runs[0].loss == "0.9 cross_entropy + 0.1 focal"


def test_a_run_is_ranked_by_its_metric(folder: Path) -> None:
    record = json.loads((folder / "a/run.json").read_text())
    record["result"] |= {"metric": "dice", "best_score": 0.9}
    (folder / "a/run.json").write_text(json.dumps(record | {"metric": {"name": "dice", "without": []}}))
    (folder / "c/metrics.csv").write_text("epoch,val_miou,val_metric\n1,0.4,0.5\n2,0.3,0.7\n")
    runs = list_runs(folder)
    assert [(run.name, run.metric, run.score, run.miou) for run in runs] == [
        ("a", "dice", 0.9, 0.4),
        ("c", "mIoU", 0.7, 0.3),
        ("deep/b", "mIoU", 0.6, 0.6),
    ]


def test_a_note_stays_where_another_is_added(folder: Path) -> None:
    write_run_note(folder / "a", leaderboard=0.6243, text=None)
    write_run_note(folder / "a", leaderboard=None, text="with pseudo labels")
    run = next(run for run in list_runs(folder) if run.name == "a")
    assert (run.leaderboard, run.note) == (0.6243, "with pseudo labels")


def test_the_command_sorts_chooses_and_spells(folder: Path) -> None:
    def say(*options: str) -> str:
        result = CliRunner().invoke(app, ["runs", "--folder", str(folder), *options])
        assert result.exit_code == 0, result.output
        return result.output

    assert "deep/b" in say()
    rows = list(csv.DictReader(io.StringIO(say("--as", "csv", "--sort", "name"))))
    assert [row["name"] for row in rows] == ["a", "c", "deep/b"]
    assert [run["name"] for run in json.loads(say("--as", "json", "--where", "architecture=unet"))] == ["a"]
    assert say("--as", "md").splitlines()[2].startswith("| deep/b | fpn |")


def test_what_is_wrong_is_one_line(folder: Path) -> None:
    with pytest.raises(DataError, match="holds no run"):
        write_run_note(folder / "deep", leaderboard=1.0, text=None)
    with pytest.raises(DataError, match="no such folder"):
        list_runs(folder / "nowhere")
    (folder / "a" / "run.json").write_text("{")
    with pytest.raises(DataError, match=r"run\.json: is not the record of a run"):
        list_runs(folder)


def test_one_run_is_read_by_its_folder(folder: Path) -> None:
    assert read_run(folder / "a") == next(run for run in list_runs(folder) if run.name == "a")
    with pytest.raises(DataError, match="holds no run"):
        read_run(folder)


def test_curves_are_the_columns_of_the_metrics(folder: Path) -> None:
    (folder / "a/metrics.csv").write_text("epoch,val_miou\n1,0.25\n2,\n")
    curves = read_run_curves(folder / "a")
    assert curves["val_miou"] == pytest.approx([0.25, float("nan")], nan_ok=True)
    assert read_run_curves(folder / "deep") == {}
    (folder / "a/metrics.csv").write_text("epoch,val_miou\n1,good\n")
    with pytest.raises(DataError, match=r"metrics\.csv: is not a table of numbers"):
        read_run_curves(folder / "a")
