"""Members that were trained elsewhere, through the command line."""

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from seg.commands.app import run_command_line
from seg.data.images.images import write_image, write_mask
from seg.engine.jobs.fingerprint import ensemble_fingerprint
from seg.engine.resolved import resolve_ensemble
from seg.models.model_file import read_model_card
from seg.spec import load_ensemble
from seg.spec.yaml.save import save_spec
from tests.export.sources.foreign import NAMES, write_foreign
from tests.export.tiny import image

RIGHT = {"scale": "1/255", "channels": "bgr"}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Three labelled images, and a network whose labels they bear."""
    import onnxruntime

    network = onnxruntime.InferenceSession(write_foreign(tmp_path / "theirs.onnx", gain=8))
    for number in range(3):
        image_hwc = image(32, 64, number)
        fed = (image_hwc[..., ::-1].astype(np.float32) / 255).transpose(2, 0, 1)[None]
        labels_hw: NDArray[np.uint8] = network.run(None, {"x": fed})[0][0].argmax(0).astype(np.uint8)
        write_image(tmp_path / f"images/{number}.png", image_hwc)
        write_mask(tmp_path / f"masks/{number}.png", labels_hw)
    return tmp_path


def spec(folder: Path, *members: dict[str, Any], **keys: Any) -> str:
    split = {"images": "images", "masks": "masks"}
    data = {"train": split, "val": split, "classes": list(NAMES)}
    path = folder / "team.yaml"
    path.write_text(json.dumps({"data": data, "members": members, "runtime": "cpu", **keys}))
    return str(path)


def theirs(fed: dict[str, Any], **keys: Any) -> dict[str, Any]:
    return {"name": "theirs", "onnx": "theirs.onnx", "input": fed, **keys}


def test_export_says_what_it_took_for_granted_and_that_it_is_done(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = spec(folder, theirs(RIGHT))
    assert run_command_line(["export", path]) == 0
    printed = capsys.readouterr()
    assert "theirs.onnx does not say, and is taken to be: stride: 32; output: logits" in printed.out
    assert "label agreement 100.0000%" in printed.out
    assert "correct the member" not in printed.err
    assert run_command_line(["export", path]) == 0
    assert "exported already" in capsys.readouterr().out


def test_export_names_a_reading_that_scores_better(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_command_line(["export", spec(folder, theirs({"scale": "1/255"}))]) == 0
    assert "1.00 with channels: bgr: correct the member" in capsys.readouterr().err


def test_doctor_member_prints_all_readings(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = spec(folder, theirs({"scale": "1/255"}))
    assert run_command_line(["doctor", "member", "theirs", path]) == 0
    printed = capsys.readouterr().out
    for reading in (
        "as declared",
        "channels: bgr",
        "classes shifted by one (road is sky)",
        "mode: resize, size: 256",
    ):
        assert reading in printed
    assert not (folder / "runs").exists()
    assert run_command_line(["doctor", "member", "their", path]) == 2
    assert "did you mean 'theirs'?" in capsys.readouterr().err


def test_such_a_member_is_not_trained(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = spec(folder, theirs(RIGHT))
    assert run_command_line(["train", path]) == 0
    assert capsys.readouterr().out.startswith("theirs: was trained elsewhere: ")
    assert run_command_line(["soup", path]) == 2
    assert "no member has a run of seg train" in capsys.readouterr().err
    assert run_command_line(["soup", path, "theirs"]) == 2
    assert "theirs was trained elsewhere, and a soup averages runs" in capsys.readouterr().err


@pytest.mark.slow
def test_precisions_are_tried_on_it(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    limits = {"least_agreement": 0.2, "largest_loss": 100}
    path = spec(folder, theirs(RIGHT), export={"precision": "int8", **limits})
    assert run_command_line(["export", path]) == 0
    card = read_model_card(folder / "runs/theirs/model.onnx")
    assert card.precision == "int8" and card.precision_choice is not None
    path = spec(folder, theirs(RIGHT), export={"precision": "fp16", **limits})
    assert run_command_line(["export", path]) == 2
    assert "export it in fp16 where it was trained" in capsys.readouterr().err


def test_specialists_go_with_the_mean_of_whole_passes(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    members = (theirs(RIGHT), {**theirs(RIGHT, covers=["car"]), "name": "cars"})
    path = spec(folder, *members)
    assert run_command_line(["export", path]) == 0
    assert run_command_line(["ensemble", path, "-o", str(folder / "labels"), "--format", "png"]) == 0
    capsys.readouterr()
    refused = {"merge": "vote", "stopping": {"tolerance": 0}}
    for key, value in refused.items():
        assert run_command_line(["ensemble", spec(folder, *members, **{key: value})]) == 2
        assert "'covers'" in capsys.readouterr().err
    assert run_command_line(["ensemble", spec(folder, members[1])]) == 2
    assert "needs a member that knows all classes" in capsys.readouterr().err


@pytest.mark.slow
def test_an_onnx_member_is_exported_without_torch(folder: Path) -> None:
    blocked = "import sys; sys.modules['torch'] = None; from seg.commands.app import run_command_line; "
    script = f"{blocked} sys.exit(run_command_line(['export', {spec(folder, theirs(RIGHT))!r}]))"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert (folder / "runs/theirs/model.onnx").exists()


def test_what_a_member_covers_is_in_the_fingerprint_of_a_run(folder: Path) -> None:
    members = (theirs(RIGHT), {**theirs(RIGHT), "name": "cars"})
    assert run_command_line(["export", spec(folder, *members)]) == 0
    plain = resolve_ensemble(load_ensemble(spec(folder, *members)))
    covering = load_ensemble(spec(folder, members[0], {**members[1], "covers": ["car"]}))
    assert ensemble_fingerprint(replace(plain, spec=covering)) != ensemble_fingerprint(plain)


def test_a_spec_with_such_members_is_saved_as_it_is(folder: Path) -> None:
    keys = {"output": {"kind": "logits", "classes": list(NAMES)}, "classes": {"sky": "sky", "rest": "road"}}
    fed = {**RIGHT, "mean": [1, 2, 3], "std": 2, "size": "32x64", "resample": "bicubic"}
    loaded = load_ensemble(
        spec(folder, theirs(fed, **keys), {**theirs(RIGHT, covers=["car"]), "name": "cars"})
    )
    save_spec(loaded, folder / "saved.yaml")
    assert load_ensemble(folder / "saved.yaml") == loaded
