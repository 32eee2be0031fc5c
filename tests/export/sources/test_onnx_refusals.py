"""ONNX files that are no members: each is one line, and no file is written."""

from collections.abc import Callable
from pathlib import Path

import onnx
import pytest
from onnx import helper

from seg.errors import ModelError
from tests.export.sources.foreign import Form, export, write_foreign

REFUSED = {
    "does not say how pixels are scaled": (Form({}, {}), "how its pixels are scaled: add 'input: { scale"),
    "two outputs": (Form({"second_output": True}, {"scale": 1}), "name one of auxiliary"),
    "no such output": (
        Form({}, {"scale": 1}, {"name": "masks"}),
        "no output 'masks': outputs are prediction",
    ),
    "another size": (Form({"size_hw": (8, 8)}, {"scale": 1, "size": 16}), "takes images of 8x8"),
    "padding to one size": (
        Form({"size_hw": (8, 8)}, {"scale": 1, "mode": "pad"}),
        "which mode pad does not",
    ),
    "grey for colours": (Form({}, {"scale": 1, "channels": "grey"}), "takes 3 channels"),
    "another layout": (Form({"size_hw": (8, 8)}, {"scale": 1, "layout": "nhwc"}), "in nhwc has 8 channels"),
    "other classes": (Form({"channels": 5}, {"scale": 1}), "has 5 classes and the dataset 3"),
    "classes of others": (
        Form({"channels": 3}, {"scale": 1}, classes={"0": "sky", "1": "raod"}),
        "'raod', which is no class of the dataset: did you mean 'road'",
    ),
    "a class that is left": (
        Form({}, {"scale": 1}, classes={"0": "sky", "1": "road"}),
        "no class of .* belongs to 'car'",
    ),
    "a number too many": (Form({}, {"scale": 1}, classes={"7": "sky"}), "names '7', which is no class of"),
}


@pytest.mark.parametrize(("form", "message"), REFUSED.values(), ids=REFUSED.keys())
def test_what_cannot_be_guessed_is_asked_for(tmp_path: Path, form: Form, message: str) -> None:
    path = write_foreign(tmp_path / "theirs.onnx", **form.made)
    with pytest.raises(ModelError, match=message) as caught:
        export(path, form)
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "model.onnx").exists()


@pytest.mark.parametrize("content", [b"", b"no model", b"\x08\x07" * 40])
def test_a_broken_file_is_one_line(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "theirs.onnx"
    path.write_bytes(content)
    with pytest.raises(ModelError, match=r"theirs\.onnx") as caught:
        export(path, Form({}, {"scale": 1}))
    assert "\n" not in str(caught.value)


def test_a_model_of_seg_is_no_source(tmp_path: Path) -> None:
    model = export(write_foreign(tmp_path / "theirs.onnx"), Form({}, {"scale": "1/255"}))
    with pytest.raises(ModelError, match="was exported by seg: name it with 'model'"):
        export(model, Form({}, {"scale": "1/255"}))


def with_custom_operator(model: onnx.ModelProto) -> None:
    model.opset_import.append(helper.make_opsetid("theirs", 1))
    model.graph.node[0].domain = "theirs"


def with_loop(model: onnx.ModelProto) -> None:
    model.graph.node[0].op_type = "Loop"


def with_weights_elsewhere(model: onnx.ModelProto) -> None:
    tensor = model.graph.initializer[0]
    tensor.ClearField("raw_data")
    tensor.data_location = onnx.TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value="../../etc/passwd")


def with_three_axes(model: onnx.ModelProto) -> None:
    del model.graph.input[0].type.tensor_type.shape.dim[0]


def with_double_images(model: onnx.ModelProto) -> None:
    model.graph.input[0].type.tensor_type.elem_type = onnx.TensorProto.DOUBLE


def with_two_inputs(model: onnx.ModelProto) -> None:
    model.graph.input.add(name="scale_factor")


DAMAGES = [
    (with_custom_operator, "operator 'theirs.Conv'"),
    (with_loop, "has a Loop"),
    (with_weights_elsewhere, "not a file beside it"),
    (with_three_axes, "expected four axes"),
    (with_double_images, "is double: images are float, float16 or uint8"),
    (with_two_inputs, r"has 2 inputs \(x, scale_factor\)"),
]


@pytest.mark.parametrize(("damage", "message"), DAMAGES, ids=[message for _, message in DAMAGES])
def test_an_unsafe_or_unusable_file_is_one_line(
    tmp_path: Path, damage: Callable[[onnx.ModelProto], None], message: str
) -> None:
    path = write_foreign(tmp_path / "theirs.onnx")
    model = onnx.load(path)
    damage(model)
    path.write_bytes(model.SerializeToString())
    with pytest.raises(ModelError, match=message) as caught:
        export(path, Form({}, {"scale": 1}))
    assert "\n" not in str(caught.value)
    assert [one.name for one in tmp_path.iterdir()] == ["theirs.onnx"]
