"""Models from elsewhere: read whole and right, or refused in one line before anything runs them."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from onnx import TensorProto, helper, numpy_helper
from safetensors.torch import save_file

from seg.data.images.images import write_image
from seg.errors import ModelError
from seg.files.atomic import sha256_of
from seg.labels.classes import ClassInfo
from seg.models.card import CARD_KEY, InputCard, ModelCard, parse_model_card
from seg.models.model_file import read_model_card

Change = Callable[[onnx.ModelProto, Path], None]

CLASSES = tuple(ClassInfo(id=n, name=f"c{n}", colour=(n, n, n)) for n in range(3))
CARD = ModelCard(
    name="m",
    architecture="fpn",
    encoder="resnet18",
    classes=CLASSES,
    unlabelled="ignore",
    input=InputCard(mean=(0, 0, 0), std=(1, 1, 1)),
)


def model() -> onnx.ModelProto:
    """The contract with a 1x1 convolution for a network."""
    kernel = np.arange(9, dtype=np.float32).reshape(3, 3, 1, 1)
    nodes = [
        helper.make_node("Cast", ["image"], ["float"], to=TensorProto.FLOAT),
        helper.make_node("Transpose", ["float"], ["nchw"], perm=[0, 3, 1, 2]),
        helper.make_node("Conv", ["nchw", "kernel"], ["logits"]),
        helper.make_node("Softmax", ["logits"], ["probabilities"], axis=1),
    ]
    graph = helper.make_graph(
        nodes,
        "m",
        [helper.make_tensor_value_info("image", TensorProto.UINT8, ["N", "H", "W", 3])],
        [helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, ["N", 3, "H", "W"])],
        [numpy_helper.from_array(kernel, "kernel")],
    )
    built = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
    helper.set_model_props(built, {CARD_KEY: CARD.model_dump_json()})
    return built


def written(folder: Path, change: Change) -> Path:
    built = model()
    change(built, folder)
    (folder / "m.onnx").write_bytes(built.SerializeToString())
    return folder / "m.onnx"


def weights_at(location: str, *more: tuple[str, str]) -> Change:
    def change(built: onnx.ModelProto, folder: Path) -> None:
        tensor = built.graph.initializer[0]
        (folder / "w.data").write_bytes(tensor.raw_data)
        card = CARD.model_copy(update={"weights_sha256": sha256_of(folder / "w.data")})
        del built.metadata_props[:]
        helper.set_model_props(built, {CARD_KEY: card.model_dump_json()})
        tensor.ClearField("raw_data")
        tensor.data_location = TensorProto.EXTERNAL
        for key, value in (("location", location), *more):
            tensor.external_data.add(key=key, value=value)

    return change


def other_weights(built: onnx.ModelProto, folder: Path) -> None:
    weights_at("w.data")(built, folder)
    (folder / "w.data").write_bytes(bytes(36))


def linked_weights(built: onnx.ModelProto, folder: Path) -> None:
    weights_at("w.data")(built, folder)
    (folder / "w.data").rename(folder / "elsewhere")
    (folder / "w.data").symlink_to(folder / "elsewhere")


def in_a_branch(built: onnx.ModelProto, folder: Path) -> None:
    """The weights hide in the branch of an `If`, in a constant."""
    tensor = TensorProto(name="t", data_type=TensorProto.FLOAT, dims=[1], data_location=TensorProto.EXTERNAL)
    tensor.external_data.add(key="location", value="../../secret")
    constant = helper.make_node("Constant", [], ["c"], value=tensor)
    branch = helper.make_graph([constant], "b", [], [helper.make_tensor_value_info("c", 1, [1])])
    built.graph.node.append(helper.make_node("If", ["x"], ["y"], then_branch=branch, else_branch=branch))


def newer_opset(built: onnx.ModelProto, folder: Path) -> None:
    built.opset_import[0].version = 999


def newer_format(built: onnx.ModelProto, folder: Path) -> None:
    built.ir_version = 999


def foreign_operator(built: onnx.ModelProto, folder: Path) -> None:
    built.graph.node[2].domain = "evil\nseg: all is well"


def fewer_channels(built: onnx.ModelProto, folder: Path) -> None:
    built.graph.output[0].type.tensor_type.shape.dim[1].dim_value = 2


def no_card(built: onnx.ModelProto, folder: Path) -> None:
    del built.metadata_props[:]


def card_of_the_future(built: onnx.ModelProto, folder: Path) -> None:
    built.metadata_props[0].value = '{"card_version": 99, "unheard": "of"}'


def endless_card(built: onnx.ModelProto, folder: Path) -> None:
    built.metadata_props[0].value = " " * 2**21


def endless_loop(model: onnx.ModelProto, _: Path) -> None:
    """Inside of a branch, so that it is found wherever it lies."""
    yes = helper.make_tensor_value_info("yes", TensorProto.BOOL, [])
    body = helper.make_graph(
        [helper.make_node("Identity", ["go_on"], ["yes"])],
        "body",
        [
            helper.make_tensor_value_info("count", TensorProto.INT64, []),
            helper.make_tensor_value_info("go_on", TensorProto.BOOL, []),
        ],
        [yes],
    )
    loop = helper.make_node("Loop", ["", "true"], [], body=body)
    branch = helper.make_graph([loop], "branch", [], [])
    model.graph.node.append(helper.make_node("If", ["true"], [], then_branch=branch, else_branch=branch))
    model.graph.initializer.append(numpy_helper.from_array(np.array(True), "true"))


def huge_constant(model: onnx.ModelProto, _: Path) -> None:
    model.graph.initializer.append(numpy_helper.from_array(np.array([10**5, 10**5]), "sides"))
    model.graph.node.append(helper.make_node("ConstantOfShape", ["sides"], ["zeros"], name="huge"))


def other_input(built: onnx.ModelProto, folder: Path) -> None:
    built.graph.input[0].type.tensor_type.elem_type = TensorProto.FLOAT


def other_output(built: onnx.ModelProto, folder: Path) -> None:
    built.graph.output[0].name = "logits"


REFUSED: list[tuple[Change, str]] = [
    (endless_loop, "has a Loop, which may never end"),
    (huge_constant, "ConstantOfShape .huge. makes a tensor of 10000000000 numbers"),
    (weights_at("../w.data"), "'../w.data', which is not a file beside it"),
    (weights_at("/etc/passwd"), "not a file beside it"),
    (weights_at("a\\w.data"), "not a file beside it"),
    (weights_at("."), "not a file beside it"),
    (weights_at(""), "not a file beside it"),
    (weights_at("w.data", ("location", "../w.data")), "not a file beside it"),
    (weights_at("absent.data"), "'absent.data' is not there"),
    (weights_at("w.data", ("offset", "1"), ("length", "36")), "does not lie within 'w.data'"),
    (weights_at("w.data", ("offset", "-1")), "does not lie within"),
    (weights_at("w.data", ("offset", "many")), "does not lie within"),
    (other_weights, "'w.data' is not the weights that it was exported with"),
    (linked_weights, "'w.data' is a link"),
    (in_a_branch, "not a file beside it"),
    (newer_opset, "has opset 999"),
    (newer_format, "has ONNX format 999"),
    (foreign_operator, "not of ONNX's standard"),
    (fewer_channels, "returns 2 channels and its card has 3 classes"),
    (no_card, "no model card"),
    (card_of_the_future, "version 99.*upgrade"),
    (endless_card, "card has 2097152 characters"),
    (other_input, "expected one uint8 'image'"),
    (other_output, "expected float 'probabilities'"),
]


@pytest.mark.parametrize(("change", "message"), REFUSED, ids=lambda case: getattr(case, "__name__", None))
def test_each_is_one_line_with_its_file(change: Change, message: str, tmp_path: Path) -> None:
    path = written(tmp_path, change)
    with pytest.raises(ModelError, match=message) as caught:
        read_model_card(path)
    assert str(caught.value).startswith(f"{path}: ")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("change", [lambda _, __: None, weights_at("w.data", ("offset", "0"))])
def test_a_sound_model_is_read(change: Change, tmp_path: Path) -> None:
    assert read_model_card(written(tmp_path, change)).classes == CLASSES


def test_what_is_no_model_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "x.onnx").write_bytes(b"\x00garbage" * 40)
    with pytest.raises(ModelError, match=r"x\.onnx: is not an ONNX file"):
        read_model_card(tmp_path / "x.onnx")
    with pytest.raises(ModelError, match="seg export"):
        read_model_card(tmp_path / "absent.onnx")


@pytest.mark.parametrize("name", ["last.pth", "old.pth", "model.safetensors"])
def test_a_checkpoint_under_the_key_of_an_onnx_file_is_told_its_own(tmp_path: Path, name: str) -> None:
    path, weights = tmp_path / name, {"a": torch.zeros(2)}
    if path.suffix == ".safetensors":
        save_file(weights, path)
    else:
        torch.save(weights, path, _use_new_zipfile_serialization=name == "last.pth")
    with pytest.raises(ModelError, match=rf"{name}: is a checkpoint of PyTorch.* name it with 'checkpoint'"):
        read_model_card(path)


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_damage_is_read_or_refused_and_nothing_else(tmp_path: Path, data: st.DataObject) -> None:
    """Bytes changed, inserted and cut off at random."""
    raw = bytearray(model().SerializeToString())
    for _ in range(data.draw(st.integers(1, 4))):
        start = data.draw(st.integers(0, len(raw) - 1))
        raw[start : start + data.draw(st.integers(0, 3))] = data.draw(st.binary(max_size=3))
        raw = raw[: max(2, data.draw(st.integers(len(raw) // 2, 2 * len(raw))))]
    (tmp_path / "x.onnx").write_bytes(raw)
    try:
        card = read_model_card(tmp_path / "x.onnx")
    except ModelError as error:
        assert "\n" not in str(error)
    else:
        assert len(card.classes) == len(CLASSES)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)


@settings(max_examples=200, deadline=None)
@given(field=st.sampled_from([*ModelCard.model_fields, "unheard"]), value=JSON)
def test_a_card_with_any_value_is_read_or_refused(field: str, value: object) -> None:
    text = json.dumps({**CARD.model_dump(mode="json"), field: value})
    try:
        card = parse_model_card(text, "x.onnx")
    except ModelError as error:
        assert "\n" not in str(error)
    else:
        assert parse_model_card(card.model_dump_json(), "x.onnx") == card


@pytest.mark.slow
def test_the_command_line_refuses_with_one_line_and_code_2(tmp_path: Path) -> None:
    path = written(tmp_path, card_of_the_future)
    write_image(tmp_path / "i/a.png", np.zeros((4, 4, 3), dtype=np.uint8))
    (tmp_path / "e.yaml").write_text(
        "data:\n  train: {images: i}\n  val: {images: i}\n  classes: [c0, c1, c2]\n"
        f"members:\n- {{name: m, model: {path}}}\n"
    )
    done = subprocess.run(
        [sys.executable, "-m", "seg", "ensemble", str(tmp_path / "e.yaml")],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert (
        done.stderr == f"seg: {path}: its model card has version 99 and this seg reads up to 1: upgrade seg\n"
    )
