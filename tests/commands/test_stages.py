"""From images to a submission: what each stage says where it lacks its input."""

import json
from pathlib import Path

import pytest

from seg.data.sample import write_sample_dataset
from tests.commands.processes import seg


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


def test_a_picture_of_no_kind_is_refused(tmp_path: Path) -> None:
    write_sample_dataset(tmp_path / "data", train=2, val=1, predict=1, size_hw=(32, 32))
    (tmp_path / "x.yaml").write_text(json.dumps({"data": "data/dataset.yaml", "members": [{"name": "a"}]}))
    done = seg("show", tmp_path / "x.yaml", "-o", tmp_path / "x.xyz")
    assert done.returncode == 2
    (line,) = done.stderr.splitlines()
    assert "x.xyz" in line
    assert ".png" in line


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
