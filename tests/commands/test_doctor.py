"""`seg doctor`: its table, its JSON, and exit code 2 where a runtime that is asked for cannot be used."""

import json
from typing import get_args

import pytest
from typer.testing import CliRunner

from seg.commands.app import app
from seg.commands.options.shared import print_table
from seg.engine.doctor import DoctorReport, report
from seg.engine.doctor.runtime_checks import RuntimeCheck
from seg.errors import MissingRuntimeError, SpecError
from seg.spec.ensemble.prediction import RuntimeName

REASON = "runtime cuda: not usable here: pip install 'segensemble[cuda]'"


@pytest.fixture(autouse=True)
def _only_the_cpu_is_usable(monkeypatch: pytest.MonkeyPatch) -> None:
    """Trials are tested where they are made, and take seconds."""
    found = tuple(
        RuntimeCheck(
            runtime=name, is_usable=name == "cpu", runs_on="a CPU" if name == "cpu" else "", reason=REASON
        )
        for name in get_args(RuntimeName)
    )
    monkeypatch.setattr(report, "check_all_runtimes", lambda: found)


def test_the_table_has_what_is_in_brackets(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    done = CliRunner().invoke(app, ["doctor"])
    assert done.exit_code == 0
    assert "pip install 'segensemble[cuda]'" in done.stdout
    assert "libcudart.so" in done.stdout
    assert "onnxruntime" in done.stdout


def test_json_is_the_report() -> None:
    done = CliRunner().invoke(app, ["doctor", "--json"])
    assert done.exit_code == 0
    read = DoctorReport.model_validate(json.loads(done.stdout))
    assert [one.runtime for one in read.runtimes] == list(get_args(RuntimeName))
    assert read.machine.cores >= 1


@pytest.mark.parametrize("options", [[], ["--json"]])
def test_a_runtime_that_is_not_usable_is_an_error_after_the_report(options: list[str]) -> None:
    done = CliRunner().invoke(app, ["doctor", "--runtime", "cuda", *options])
    assert isinstance(done.exception, MissingRuntimeError)
    assert str(done.exception) == REASON
    assert "libcudart.so" in done.stdout
    assert CliRunner().invoke(app, ["doctor", "--runtime", "cpu"]).exit_code == 0


@pytest.mark.parametrize("name", ["cuba", "auto", "", "CUDA "])
def test_an_unknown_runtime_is_an_error_at_once(name: str) -> None:
    done = CliRunner().invoke(app, ["doctor", "--runtime", name])
    assert isinstance(done.exception, SpecError)
    assert done.stdout == ""


def test_tables_print_brackets_as_they_are(capsys: pytest.CaptureFixture[str]) -> None:
    print_table("", ("a [b]", "c"), [("segensemble[cuda]", "[red]x[/]")])
    text = capsys.readouterr().out
    assert "a [b]" in text
    assert "segensemble[cuda]" in text
    assert "[red]x[/]" in text
