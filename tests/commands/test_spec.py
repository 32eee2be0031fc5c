"""`seg spec check` and `seg spec schema`."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from seg.commands.app import app
from seg.data.sample import write_sample_dataset
from seg.errors import SpecError
from tests.commands.processes import ROOT, seg


def test_the_shipped_specs_load(tmp_path: Path) -> None:
    write_sample_dataset(tmp_path / "quickstart/data", train=2, val=1, predict=1, size_hw=(32, 32))
    (tmp_path / "ensembles").mkdir()
    for name in ("quickstart", "camvid", "top5"):
        text = (ROOT / f"ensembles/{name}.yaml").read_text(encoding="utf-8")
        (tmp_path / f"ensembles/{name}.yaml").write_text(text, encoding="utf-8")
        done = seg("spec", "check", tmp_path / f"ensembles/{name}.yaml")
        assert done.returncode == 0, done.stderr
    assert "5 members, 40 passes" in done.stdout


@pytest.mark.parametrize(
    ("member", "command"),
    [
        ("{ name: a, architecture: fpn }", "train"),
        ("{ name: trained, architecture: fpn }", "export"),
        ("{ name: a, checkpoint: a.pt, input: { scale: 1/255 } }", "export"),
        ("{ name: a, model: a.onnx }", "tune"),
    ],
)
def test_what_comes_next_is_what_a_member_lacks(member: str, command: str, tmp_path: Path) -> None:
    (tmp_path / "runs/trained").mkdir(parents=True)
    (tmp_path / "runs/trained/model.safetensors").touch()
    path = tmp_path / "x.yaml"
    path.write_text(
        "data: { train: { images: a, masks: b }, val: { images: a, masks: b }, classes: [a, b] }\n"
        f"members: [{member}]\nviews: hflip\n"
    )
    done = CliRunner().invoke(app, ["spec", "check", str(path)])
    assert done.output.splitlines()[-1] == f"next: seg {command} {path}", done.output


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


def test_a_metric_without_its_file_is_found_before_it_is_needed(tmp_path: Path) -> None:
    path = tmp_path / "x.yaml"
    path.write_text(
        "data: {predict: {images: a}, classes: [a, b]}\nmembers: [{name: a}]\nmetric: score.py:dice\n"
    )
    with pytest.raises(SpecError, match=r"metric: .*score\.py: there is no such file: correct its path"):
        CliRunner().invoke(app, ["spec", "check", str(path)], catch_exceptions=False)
    (tmp_path / "score.py").write_text("raise SystemExit('this is not run')\n")
    assert CliRunner().invoke(app, ["spec", "check", str(path)]).exit_code == 0


def test_debug_shows_the_traceback(tmp_path: Path) -> None:
    done = seg("spec", "check", tmp_path / "nothing.yaml", "--debug")
    assert "Traceback" in done.stderr
    assert "nothing.yaml: cannot be read" in done.stderr


def test_the_schema_is_json() -> None:
    schema = json.loads(seg("spec", "schema").stdout)
    assert {"data", "members", "views", "output"} <= schema["properties"].keys()
