"""--quiet and --json, which any command takes."""

import json
from pathlib import Path
from typing import Any

import pytest
import typer

from seg.commands.app import app, run_command_line
from seg.commands.process.flags import take_global_flags
from seg.data.sample import write_sample_dataset
from seg.errors import EXIT_USER_ERROR
from seg.terminal.events import current_output_form

ROOT = typer.main.get_command(app)


def test_flags_stand_anywhere() -> None:
    for arguments in (["--json", "data", "sample", "x"], ["data", "sample", "x", "--json"]):
        flags, others = take_global_flags(arguments, ROOT)
        assert (flags.form, flags.debug, others) == ("json", False, ["data", "sample", "x"])
    flags, others = take_global_flags(["tune", "--quiet", "x", "--debug"], ROOT)
    assert (flags.form, flags.debug, others) == ("quiet", True, ["tune", "x"])


def test_a_command_keeps_its_own_option() -> None:
    arguments = ["evaluate", "x", "--submission", "y", "--json", "z"]
    assert take_global_flags(arguments, ROOT)[1] == arguments
    flags, others = take_global_flags(["--json", *arguments], ROOT)
    assert (flags.form, others) == ("json", arguments)


def test_programs_are_told_outputs_what_comes_next_and_errors(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_sample_dataset(tmp_path / "data", train=2, val=1, predict=1, size_hw=(32, 32))
    yaml = tmp_path / "data.yaml"
    capsys.readouterr()
    assert run_command_line(["data", "guess", str(tmp_path / "data"), "-o", str(yaml), "--json"]) == 0
    *_, output, following = events(capsys)
    assert output == {"event": "output", "path": str(yaml)}
    assert following == {"event": "next", "command": f"seg data check {yaml}"}

    assert run_command_line(["--json", "data", "check", str(tmp_path / "none.yaml")]) == EXIT_USER_ERROR
    (error,) = events(capsys)
    assert (error["event"], error["exit_code"]) == ("error", EXIT_USER_ERROR)
    assert "none.yaml" in error["text"]
    assert current_output_form() == "text"


def events(capsys: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    return [json.loads(line) for line in capsys.readouterr().err.splitlines()]
