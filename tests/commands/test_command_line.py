"""The command line as a user meets it: help, errors, exit codes."""

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import get_args

import pytest

from seg.data.sample import write_sample_dataset
from seg.spec.output import Format

ROOT = Path(__file__).resolve().parents[2]


def seg(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "seg", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=False)


COMMANDS = [
    "train",
    "export",
    "calibrate",
    "ensemble",
    "serve",
    "evaluate",
    "report",
    "show",
    "video",
    "doctor",
]
COLLAPSE = ["soup", "distill", "pseudo-label"]
GROUPS = ["data", "data sample", "data check", "data preview", "spec"]


@pytest.mark.parametrize("command", ["", *COMMANDS, *COLLAPSE, *GROUPS])
def test_help_is_there_for_every_command(command: str) -> None:
    done = seg(*command.split(), "--help")
    assert done.returncode == 0
    assert "Usage" in done.stdout


def test_help_imports_nothing_heavy() -> None:
    """Time is not for tests to tell, but what takes it is."""
    program = """
import sys
from typer.testing import CliRunner
from seg.commands.app import app
assert CliRunner().invoke(app, ["--help"]).exit_code == 0
heavy = {"torch", "numpy", "cv2", "onnx", "onnxruntime", "pydantic", "lightning", "ruamel"}
print(sorted(heavy & set(sys.modules)))
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_the_shipped_specs_load(tmp_path: Path) -> None:
    write_sample_dataset(tmp_path / "quickstart/data", train=2, val=1, predict=1, size_hw=(32, 32))
    (tmp_path / "ensembles").mkdir()
    for name in ("quickstart", "camvid", "top5"):
        text = (ROOT / f"ensembles/{name}.yaml").read_text(encoding="utf-8")
        (tmp_path / f"ensembles/{name}.yaml").write_text(text, encoding="utf-8")
        done = seg("spec", "check", tmp_path / f"ensembles/{name}.yaml")
        assert done.returncode == 0, done.stderr
    assert "5 members, 40 passes" in done.stdout


def test_mistakes_in_a_spec_are_lines_with_places(tmp_path: Path) -> None:
    path = tmp_path / "x.yaml"
    path.write_text(
        "data:\n  train: {images: a}\n  val: {images: a}\nmembers:\n- name: a\n  archtecture: fpn\n"
    )
    done = seg("spec", "check", path)
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr == (
        f"seg: {path}:6: members.0.archtecture: unknown key: did you mean 'architecture'?\n"
    )


def test_debug_shows_the_traceback(tmp_path: Path) -> None:
    done = seg("spec", "check", tmp_path / "nothing.yaml", "--debug")
    assert "Traceback" in done.stderr
    assert "nothing.yaml: cannot be read" in done.stderr


@pytest.mark.parametrize("command", ["train", "export", "calibrate", "ensemble", "evaluate", "show"])
def test_a_spec_that_is_not_there_is_one_line(command: str, tmp_path: Path) -> None:
    done = seg(command, tmp_path / "nothing.yaml")
    assert done.returncode == 2
    (line,) = done.stderr.splitlines()
    assert "nothing.yaml: cannot be read" in line


@pytest.mark.parametrize("command", ["export", "ensemble", "evaluate", "show"])
def test_a_stage_whose_input_is_missing_names_the_stage_before(command: str, tmp_path: Path) -> None:
    write_sample_dataset(tmp_path / "data", train=2, val=1, predict=1, size_hw=(32, 32))
    spec = {"data": "data/dataset.yaml", "members": [{"name": "a"}]}
    (tmp_path / "x.yaml").write_text(json.dumps(spec))
    done = seg(command, tmp_path / "x.yaml")
    assert done.returncode == 2
    (line,) = done.stderr.splitlines()
    assert ("seg train" if command == "export" else "seg export") in line


def test_an_unknown_member_names_the_nearest(tmp_path: Path) -> None:
    write_sample_dataset(tmp_path / "data", train=2, val=1, predict=1, size_hw=(32, 32))
    spec = {"data": "data/dataset.yaml", "members": [{"name": "unet-a"}]}
    (tmp_path / "x.yaml").write_text(json.dumps(spec))
    done = seg("train", tmp_path / "x.yaml", "--member", "unet-b")
    assert done.returncode == 2
    assert "did you mean 'unet-a'?" in done.stderr


def test_a_check_that_finds_an_error_ends_with_two(tmp_path: Path) -> None:
    write_sample_dataset(tmp_path / "data", train=12, val=1, predict=1, size_hw=(32, 32))
    yaml = tmp_path / "data/dataset.yaml"
    assert seg("data", "check", yaml).returncode == 0
    (tmp_path / "data/val/val_0001.jpg").unlink()
    done = seg("data", "check", yaml)
    assert done.returncode == 2
    assert "val_0001.jpg" in done.stdout


def test_the_schema_is_json() -> None:
    schema = json.loads(seg("spec", "schema").stdout)
    assert {"data", "members", "views", "output"} <= schema["properties"].keys()


def test_a_picture_of_no_kind_is_refused(tmp_path: Path) -> None:
    write_sample_dataset(tmp_path / "data", train=2, val=1, predict=1, size_hw=(32, 32))
    (tmp_path / "x.yaml").write_text(json.dumps({"data": "data/dataset.yaml", "members": [{"name": "a"}]}))
    done = seg("show", tmp_path / "x.yaml", "-o", tmp_path / "x.xyz")
    assert done.returncode == 2
    (line,) = done.stderr.splitlines()
    assert "x.xyz" in line
    assert ".png" in line


def test_a_place_that_cannot_be_written_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    done = seg("data", "sample", tmp_path / "file" / "data")
    assert done.returncode == 2
    (line,) = done.stderr.splitlines()
    assert "file" in line


def test_a_precision_or_format_that_is_not_known_is_refused_with_those_that_are(tmp_path: Path) -> None:
    for option, known in (("--precision", "int8"), ("--format", "tensorrt-rtx")):
        done = seg("export", tmp_path / "x.yaml", option, "int4")
        assert done.returncode == 2
        assert known in done.stderr
    (tmp_path / "x.yaml").write_text(
        "data: {train: {images: a}, val: {images: a}, classes: [a, b]}\nmembers: [{name: a}]\n"
        "export:\n  precision: int4\n"
    )
    done = seg("spec", "check", tmp_path / "x.yaml")
    assert done.returncode == 2
    assert f"{tmp_path / 'x.yaml'}:4: export.precision: 'int4' is not known" in done.stderr


MISTAKES = {
    "soup SPEC nobody": "'nobody' is not a folder, and no member has a run: all have a 'model'",
    "distill SPEC --student fnp/resnet18": "there is no architecture 'fnp': did you mean 'fpn'?",
    "distill SPEC --student fnp": "there is no architecture 'fnp': did you mean 'fpn'?",
    "distill SPEC --student fpn/resnet81": "there is no encoder 'resnet81': did you mean 'resnet18'?",
    "ensemble SPEC --workers 2": "--workers is for a cluster: say which with --cluster",
    "ensemble SPEC --gpus-per-worker 0": "--gpus-per-worker is for a cluster: say which with --cluster",
    "ensemble SPEC --cluster ray --devices 2": "--devices is for one machine, and --cluster for several:"
    " remove one of them",
    "ensemble SPEC --devices 2 --deadline 1h": "--deadline is for one process, and --devices for several:"
    " remove one of them",
    "ensemble SPEC --devices 2 --explain": "--explain is for one process, and --devices for several:"
    " remove one of them",
    "ensemble SPEC --images s3://b": "--images s3://b: workers of a cluster read URIs: say which"
    " with --cluster",
}


@pytest.mark.parametrize("command", MISTAKES)
def test_a_mistake_in_a_command_is_one_line_before_any_work(command: str, tmp_path: Path) -> None:
    images = {"images": "nowhere", "annotations": "nowhere.json"}
    spec = {"data": {"train": images, "val": images}, "members": [{"name": "a", "model": "a.onnx"}]}
    (tmp_path / "team.yaml").write_text(json.dumps(spec))
    done = seg(*command.replace("SPEC", str(tmp_path / "team.yaml")).split())
    assert (done.returncode, done.stdout) == (2, "")
    (line,) = done.stderr.splitlines()
    assert line.endswith(MISTAKES[command])


def test_help_names_every_format_that_can_be_written() -> None:
    said = " ".join(seg("submission", "convert", "--help").stdout.replace("│", " ").split())
    (listed,) = re.findall(r"--to <str> (.*?)\.", said)
    assert tuple(re.split(", | or ", listed)) == get_args(Format)
