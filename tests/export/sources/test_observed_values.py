"""What a network returns is held to what is said of it; what nobody said is told by its values."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
from hypothesis import given
from hypothesis import strategies as st
from onnx import TensorProto, helper, numpy_helper

from seg.data.labelling import labelling_of
from seg.errors import ModelError
from seg.export.sources.export_source import export_source
from seg.export.sources.onnx_source.open import OnnxSource
from seg.export.sources.output_size import shows_whole_image
from seg.export.sources.pretrained_folder.config_file import sha256_of_folder
from seg.models.model_file import read_model_card
from seg.spec import DatasetSpec, ExportSpec
from seg.spec.ensemble.imported import ImportedInput, ImportedOutput
from tests.export.sources.foreign import Form, export, member, write_foreign
from tests.export.tiny import image

UNIT = {"scale": "1/255"}


def node(operator: str, inputs: Sequence[str], output: str, **attributes: Any) -> onnx.NodeProto:
    return helper.make_node(operator, inputs, [output], **attributes)


CONSTANTS = {
    "axis": np.array([1]),
    "least": np.float32(1e-6),
    "one": np.float32(1),
    "zero": np.float32(0),
    "byte": np.float32(255),
    "whole": np.array(1),
}
ENDINGS = {
    "a softmax, clipped": [
        node("Softmax", ["logits"], "soft", axis=1),
        node("Clip", ["soft", "least", "one"], "y"),
    ],
    "a softmax by hand": [
        node("Exp", ["logits"], "raised"),
        node("ReduceSum", ["raised", "axis"], "sum", keepdims=1),
        node("Div", ["raised", "sum"], "y"),
    ],
    "the largest": [node("Hardmax", ["logits"], "y", axis=1)],
    "a softmax over the rows": [node("Softmax", ["logits"], "y", axis=2)],
    "labels from 1": [
        node("ArgMax", ["logits"], "label", axis=1),
        node("Add", ["label", "whole"], "y"),
    ],
    "a sigmoid by hand": [
        node("Neg", ["logits"], "negative"),
        node("Exp", ["negative"], "raised"),
        node("Add", ["raised", "one"], "above"),
        node("Div", ["one", "above"], "y"),
    ],
    "a sigmoid of bytes": [node("Sigmoid", ["logits"], "share"), node("Mul", ["share", "byte"], "y")],
    "true and false": [node("Greater", ["logits", "zero"], "y")],
    "true and false without channels": [
        node("Greater", ["logits", "zero"], "is_there"),
        node("Squeeze", ["is_there", "axis"], "y"),
    ],
}
TYPES = {"labels from 1": TensorProto.INT64} | dict.fromkeys(
    ("true and false", "true and false without channels"), TensorProto.BOOL
)


def write_ending(path: Path, ending: str, channels: int = 3) -> Path:
    """A convolution with other nodes behind it."""
    model = onnx.load(write_foreign(path, channels=channels))
    model.graph.node[-1].output[0] = "logits"
    model.graph.node.extend(ENDINGS[ending])
    model.graph.initializer.extend(
        numpy_helper.from_array(np.asarray(value), name) for name, value in CONSTANTS.items()
    )
    axes = 3 if ending.endswith("without channels") else 4
    output = helper.make_tensor_value_info("y", TYPES.get(ending, TensorProto.FLOAT), [None] * axes)
    model.graph.output[0].CopyFrom(output)
    onnx.save(model, path)
    return path


def run(path: Path, image_nhwc: Any) -> Any:
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    return session.run(None, {session.get_inputs()[0].name: image_nhwc})[0]


def export_binary(path: Path) -> Path:
    """Export a member that knows the second of two classes."""
    data = DatasetSpec.model_validate({"classes": ["nothing", "it"]})
    one, target = member(path, input=UNIT), path.parent / "model.onnx"
    source = OnnxSource.open(path, one.input, one.output)
    export_source(one, source, target, labelling_of(data).classes, data, [image(37, 45)], ExportSpec())
    return target


@pytest.mark.parametrize("ending", ["a softmax, clipped", "a softmax by hand", "the largest"])
def test_probabilities_are_not_taken_for_logits(tmp_path: Path, ending: str) -> None:
    path = write_ending(tmp_path / "theirs.onnx", ending)
    model = export(path, Form({}, UNIT))
    card = read_model_card(model)
    assert card.source and "output: probabilities" in card.source.assumed
    picture = image(32, 64)
    fed = np.moveaxis(picture, 2, 0)[None].astype(np.float32) * np.float32(1 / 255)
    np.testing.assert_allclose(run(model, picture[None]), run(path, fed), atol=2e-5)


@pytest.mark.parametrize(
    ("ending", "least"),
    [("a sigmoid by hand", 0.5), ("true and false", 1), ("true and false without channels", 1)],
)
def test_one_plane_of_0_to_1_is_a_sigmoid(tmp_path: Path, ending: str, least: float) -> None:
    path = write_ending(tmp_path / "theirs.onnx", ending, channels=1)
    model = export_binary(path)
    picture = image(32, 64)
    fed = np.moveaxis(picture, 2, 0)[None].astype(np.float32) * np.float32(1 / 255)
    is_there = np.asarray(run(path, fed), dtype=np.float32).reshape(32, 64) >= least
    np.testing.assert_array_equal(run(model, picture[None])[0].argmax(0) == 1, is_there)


REFUSED: dict[str, tuple[str, Form, str]] = {
    "of a softmax over the rows": (
        "a softmax over the rows",
        Form({}, UNIT),
        "do not sum to 1 over its classes: say what they are with 'output: { kind",
    ),
    "of labels from 1": ("labels from 1", Form({}, UNIT), r"the label 3, .* 3 classes.*: say which is which"),
    "of labels and a rest": (
        "labels from 1",
        Form({}, UNIT, classes={"1": "sky", "2": "road", "rest": "car"}),
        "the label 3, .*: name it in 'classes', too: 3",
    ),
}


@pytest.mark.parametrize(("ending", "form", "message"), REFUSED.values(), ids=REFUSED.keys())
def test_values_that_are_something_else_are_refused(
    tmp_path: Path, ending: str, form: Form, message: str
) -> None:
    path = write_ending(tmp_path / "theirs.onnx", ending)
    with pytest.raises(ModelError, match=message):
        export(path, form)
    assert not (tmp_path / "model.onnx").exists()


def test_one_plane_of_bytes_is_neither_a_sigmoid_nor_logits(tmp_path: Path) -> None:
    path = write_ending(tmp_path / "theirs.onnx", "a sigmoid of bytes", channels=1)
    with pytest.raises(ModelError, match="export it again without what follows its logits"):
        export_binary(path)


@pytest.mark.parametrize(("kind", "fix"), [("probabilities", "logits"), ("sigmoid", "sigmoid-logits")])
def test_logits_are_no_probabilities(tmp_path: Path, kind: str, fix: str) -> None:
    path = write_foreign(tmp_path / "theirs.onnx")
    with pytest.raises(ModelError, match=f"are no probabilities: correct 'output.kind', such as {fix}$"):
        export(path, Form({}, UNIT, {"kind": kind}))


def test_labels_that_are_not_named_are_of_no_class(tmp_path: Path) -> None:
    path = write_ending(tmp_path / "theirs.onnx", "labels from 1")
    form = Form({}, UNIT, classes={"1": "sky", "2": "car", "3": "road"})
    model = export(path, form)
    picture = image(32, 64)
    fed = np.moveaxis(picture, 2, 0)[None].astype(np.float32) * np.float32(1 / 255)
    expected = np.array([9, 0, 2, 1])[run(path, fed)[0, 0]]
    np.testing.assert_array_equal(run(model, picture[None])[0].argmax(0), expected)


@pytest.mark.parametrize(
    ("fed", "message"),
    [
        ({"scale": "1/255", "mean": [123.7, 116.3, 103.5]}, "to 0 to 1, and 'input.mean' has 123.7"),
        ({"scale": 1, "std": [0.229, 0.224, 0.225]}, "'input.std' has 0.229, .* a range of 1114"),
    ],
)
def test_numbers_in_other_units_than_the_scale_are_refused(
    tmp_path: Path, fed: dict[str, Any], message: str
) -> None:
    path = write_foreign(tmp_path / "theirs.onnx")
    with pytest.raises(ModelError, match=message):
        export(path, Form({}, fed))


def test_an_output_without_a_border_is_refused(tmp_path: Path) -> None:
    path = write_foreign(tmp_path / "theirs.onnx", size_hw=(16, 16))
    model = onnx.load(path)
    for attribute in model.graph.node[0].attribute:
        if attribute.name == "pads":
            attribute.CopyFrom(helper.make_attribute("pads", [0] * 4))
    onnx.save(model, path)
    with pytest.raises(ModelError, match=r"14, 14.* for an image of 16x16.* lacks a border: export it again"):
        export(path, Form({}, UNIT))


@given(st.integers(17, 1200), st.integers(17, 1200), st.lists(st.booleans(), max_size=4), st.integers(1, 16))
def test_an_output_of_strided_layers_shows_the_whole_image(
    height: int, width: int, up: list[bool], border: int
) -> None:
    sides = [height, width]
    for is_up in up:  # As a convolution of stride 2 does with padding, and without.
        sides = [(side + is_up) // 2 for side in sides]
    assert shows_whole_image((sides[0], sides[1]), (height, width)) or min(sides) == 1
    without_border = (height - border, width - border)
    is_half = any(
        -(-side // 2) >= smaller for side, smaller in zip((height, width), without_border, strict=True)
    )
    assert is_half or not shows_whole_image(without_border, (height, width))


def test_other_weights_beside_a_file_are_another_source(tmp_path: Path) -> None:
    path = write_foreign(tmp_path / "theirs.onnx")
    onnx.save(onnx.load(path), str(path), save_as_external_data=True, location="w.bin", size_threshold=0)
    fed = ImportedInput.model_validate(UNIT)
    first = OnnxSource.open(path, fed, ImportedOutput()).sha256
    assert OnnxSource.open(path, fed, ImportedOutput()).sha256 == first
    weights = tmp_path / "w.bin"
    weights.write_bytes(bytes(reversed(weights.read_bytes())))
    assert OnnxSource.open(path, fed, ImportedOutput()).sha256 != first


def test_another_configuration_beside_weights_is_another_source(tmp_path: Path) -> None:
    (tmp_path / "model.safetensors").write_bytes(b"weights")
    (tmp_path / "config.json").write_text('{"id2label": {"0": "a", "1": "b"}}')
    first = sha256_of_folder(tmp_path)
    (tmp_path / "README.md").write_text("anything")
    assert sha256_of_folder(tmp_path) == first
    (tmp_path / "config.json").write_text('{"id2label": {"0": "b", "1": "a"}}')
    assert sha256_of_folder(tmp_path) != first
