"""The notebook from images to a submission: its cells, and the commands in them, on a few small images."""

import csv
import json
import re
import shlex
import sys
import types
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from seg.commands.app import run_command_line
from seg.data.sample import write_sample_dataset
from seg.spec import load_ensemble

NOTEBOOK = Path(__file__).resolve().parents[2] / "examples/train.ipynb"
CELLS = json.loads(NOTEBOOK.read_text(encoding="utf-8"))["cells"]

COMMAND = re.compile(r"^(\s*)!(.*)$", re.MULTILINE)


def run_command(line: str) -> None:
    """What a notebook does with `!seg ...`."""
    name, *arguments = shlex.split(line)
    assert name == "seg"
    assert run_command_line(arguments) == 0, line


def stand_in_for_ipython(shown: list[str]) -> dict[str, types.ModuleType]:
    """As much of IPython as the notebook needs; matplotlib asks whether it runs."""
    ipython, display = types.ModuleType("IPython"), types.ModuleType("IPython.display")
    ipython.__dict__.update(version_info=(9, 0), get_ipython=lambda: None)
    display.__dict__.update(IFrame=lambda source, **_: shown.append(source), Image=shown.append)
    return {"IPython": ipython, "IPython.display": display}


@pytest.mark.slow
def test_it_goes_from_images_to_a_submission(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    write_sample_dataset(tmp_path / "data", train=8, val=6, predict=3, size_hw=(32, 48))
    shown: list[str] = []
    for name, module in stand_in_for_ipython(shown).items():
        monkeypatch.setitem(sys.modules, name, module)
    names: dict[str, Any] = {"run_command": run_command}
    for cell in code_cells():
        source = COMMAND.sub(_as_call, "".join(cell["source"]))
        source = source.replace("epochs: 5", "epochs: 1").replace("crop: 96x96", "crop: 32x32")
        exec(compile(source, NOTEBOOK.name, "exec"), names)
    spec = load_ensemble(tmp_path / "ensemble.yaml")
    with (tmp_path / "submission.csv").open(newline="") as file:
        ids = [row["ImageId_ClassId"].rpartition("_")[0] for row in csv.DictReader(file)]
    assert len(set(ids)) == 3
    assert all(spec.model(member).exists() for member in spec.members)
    assert shown == ["crops.png", "report.html", "overlay.png"]


def _as_call(found: re.Match[str]) -> str:
    return f"{found[1]}run_command({found[2]!r})"


def code_cells() -> Sequence[dict[str, Any]]:
    return [cell for cell in CELLS if cell["cell_type"] == "code"]


def test_it_is_kept_without_output() -> None:
    assert all(cell["outputs"] == [] and cell["execution_count"] is None for cell in code_cells())
