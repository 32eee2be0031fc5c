"""Members whose classes are listed otherwise than the dataset's: the same labels, or one line."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import helper, numpy_helper
from typer.testing import CliRunner

from seg.commands.app import app
from seg.data.images.images import read_image
from seg.engine import Ensemble
from seg.engine.jobs.fingerprint import ensemble_fingerprint
from seg.engine.resolved import resolve_ensemble
from seg.engine.runtimes.openvino.runtime import openvino_is_usable
from seg.errors import SegError
from seg.labels.classes import ClassInfo
from seg.models.card import CARD_KEY
from seg.spec import load_ensemble
from tests.engine.tiny_models import CLASSES, MakeModel, tiny_card

TURNED = (2, 0, 3, 1)


def reorder(path: Path, order: tuple[int, ...]) -> None:
    """The same network, trained on a dataset that lists its classes in another order, with other ids."""
    model = onnx.load(path)
    kernel = next(tensor for tensor in model.graph.initializer if tensor.name == "kernel")
    kernel.CopyFrom(numpy_helper.from_array(numpy_helper.to_array(kernel)[list(order)], "kernel"))
    own = tuple(CLASSES[label].model_copy(update={"id": label + 40}) for label in order)
    helper.set_model_props(model, {CARD_KEY: tiny_card(path.stem, own).model_dump_json()})
    onnx.save(model, path)


def models_of(project: Path) -> list[Path]:
    spec = load_ensemble(project)
    return [spec.model(member) for member in spec.running]


@pytest.fixture
def copied(project: Path) -> Path:
    """The project with models of its own."""
    spec = json.loads(project.read_text())
    for member in spec["members"]:
        own = project.parent / f"{member['name']}.onnx"
        own.write_bytes(Path(member["model"]).read_bytes())
        member["model"] = own.name
    project.write_text(json.dumps(spec))
    return project


@pytest.mark.parametrize("runtime", ["cpu", "openvino"])
@pytest.mark.parametrize("merge", ["mean", "geometric", "vote"])
def test_a_member_of_another_order_gives_the_same_labels(copied: Path, merge: str, runtime: str) -> None:
    if runtime == "openvino" and not openvino_is_usable("f32"):
        pytest.skip("OpenVINO is not installed")
    change = {"merge": merge, "runtime": runtime}
    image_hwc = read_image(copied.parent / "images/1.png")
    expected = Ensemble.load(load_ensemble(copied).model_copy(update=change)).predict(image_hwc)
    reorder(models_of(copied)[1], TURNED)
    found = Ensemble.load(load_ensemble(copied).model_copy(update=change))
    assert [c.id for c in found.classes] == [c.id for c in CLASSES]
    np.testing.assert_allclose(found.predict(image_hwc).probabilities, expected.probabilities, atol=1e-6)
    np.testing.assert_array_equal(found.predict(image_hwc).labels, expected.labels)


def test_what_was_decided_in_another_order_is_not_taken_for_the_same(copied: Path) -> None:
    def listed(names: list[str]) -> str:
        spec = json.loads(copied.read_text())
        spec["data"]["classes"] = names
        (copied.parent / "listed.yaml").write_text(json.dumps(spec))
        return ensemble_fingerprint(resolve_ensemble(load_ensemble(copied.parent / "listed.yaml")))

    names = [c.name for c in CLASSES]
    assert listed(names) == ensemble_fingerprint(resolve_ensemble(load_ensemble(copied)))
    assert (
        len({listed([names[label] for label in order]) for order in (TURNED, (0, 1, 2, 3), (1, 0, 2, 3))})
        == 3
    )


def predict(project: Path) -> str:
    return CliRunner().invoke(app, ["ensemble", str(project), "--restart"], catch_exceptions=False).output


def test_submissions_have_the_ids_of_the_dataset(copied: Path) -> None:
    spec = json.loads(copied.read_text())
    copied.write_text(json.dumps(spec | {"output": {"file": "out.csv", "format": "pixels"}}))
    predict(copied)
    expected = (copied.parent / "out.csv").read_text()
    for model in models_of(copied):
        reorder(model, TURNED)
    predict(copied)
    assert (copied.parent / "out.csv").read_text() == expected


@pytest.mark.parametrize("command", ["spec check", "ensemble", "calibrate", "export --fuse"])
def test_other_classes_are_refused_by_every_command(command: str, copied: Path) -> None:
    model = onnx.load(models_of(copied)[0])
    others = (*CLASSES[:-1], ClassInfo(id=9, name="gold", colour=(1, 2, 3)))
    helper.set_model_props(model, {CARD_KEY: tiny_card("a", others).model_dump_json()})
    onnx.save(model, models_of(copied)[0])
    result = CliRunner().invoke(app, [*command.split(), str(copied)])
    assert isinstance(result.exception, SegError)
    assert "gold" in str(result.exception)
    assert "metal" in str(result.exception)


def test_classes_that_nothing_names_are_the_first_members(make_model: MakeModel, tmp_path: Path) -> None:
    """As on a machine that has neither the annotations nor the labels."""
    spec: dict[str, Any] = {
        "data": {"train": {"images": "x", "annotations": "gone.json"}, "val": {"images": "x"}},
        "members": [{"name": "a", "model": str(make_model(1))}],
    }
    (tmp_path / "spec.yaml").write_text(json.dumps(spec))
    assert Ensemble.load(tmp_path / "spec.yaml").classes == CLASSES
