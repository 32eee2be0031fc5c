"""Options that exclude each other, and names that are none: one line, before any work."""

import json
from pathlib import Path

import pytest

from tests.commands.processes import seg

MISTAKES = {
    "soup SPEC nobody": "'nobody' is not a folder, and no member has a run: all have a 'model'",
    "distill SPEC --student fnp/resnet18": "there is no architecture 'fnp': did you mean 'fpn'?",
    "distill SPEC --student fnp": "there is no architecture 'fnp': did you mean 'fpn'?",
    "distill SPEC --student fpn/resnet81": "there is no encoder 'resnet81': did you mean 'resnet18'?",
    "ensemble SPEC --workers 2": "--workers needs --cluster: it counts a cluster's engines: add"
    " --cluster, or remove --workers",
    "ensemble SPEC --gpus-per-worker 0": "--gpus-per-worker needs --cluster: it is of a cluster's engines:"
    " add --cluster, or remove --gpus-per-worker",
    "ensemble SPEC --cluster ray --devices 2": "--devices and --cluster exclude each other: both spread a"
    " run: remove one of them",
    "ensemble SPEC --devices 2 --deadline 1h": "--deadline and --devices exclude each other: a deadline is"
    " for one process that predicts: remove one of them",
    "ensemble SPEC --devices 2 --explain": "--explain and --devices exclude each other: it explains one"
    " process: remove one of them",
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
