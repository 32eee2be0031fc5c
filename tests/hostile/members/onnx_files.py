"""ONNX files of members: broken, absurd, and with bits flipped."""

# ruff: noqa: E501 (a case is one line)

import json
from collections.abc import Callable, Iterator, Mapping
from typing import Final

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from tests.hostile.case import Case, file
from tests.hostile.members.member_case import INPUT, member_case


def network(change: Callable[[onnx.ModelProto], object] = lambda _: None, channels: int = 4) -> bytes:
    """One convolution to logits."""
    weight = np.random.default_rng(0).normal(0, 1, (channels, 3, 3, 3)).astype(np.float32)
    graph = helper.make_graph(
        [helper.make_node("Conv", ["x", "w"], ["y"], pads=[1] * 4)],
        "theirs",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["N", 3, "H", "W"])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [None] * 4)],
        [numpy_helper.from_array(weight, "w")],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=7)
    change(model)
    return bytes(model.SerializeToString())


def _named(text: str) -> Callable[[onnx.ModelProto], object]:
    return lambda model: helper.set_model_props(model, {"names": text})


def _made_large(model: onnx.ModelProto) -> None:
    """A few bytes that ask for a tensor of terabytes."""
    model.graph.node.insert(0, helper.make_node("ConstantOfShape", ["big"], ["huge"]))
    model.graph.initializer.append(numpy_helper.from_array(np.array([10**12]), "big"))


def _shaped(*sides: int | str) -> Callable[[onnx.ModelProto], object]:
    def change(model: onnx.ModelProto) -> None:
        model.graph.input[0].CopyFrom(helper.make_tensor_value_info("x", TensorProto.FLOAT, list(sides)))

    return change


GRAPHS: Final[Mapping[str, Callable[[onnx.ModelProto], object]]] = {
    "no graph": lambda model: model.ClearField("graph"),
    "no input": lambda model: model.graph.ClearField("input"),
    "no output": lambda model: model.graph.ClearField("output"),
    "no node": lambda model: model.graph.ClearField("node"),
    "no opset": lambda model: model.ClearField("opset_import"),
    "a huge opset": lambda model: setattr(model.opset_import[0], "version", 2**40),
    "opset 1": lambda model: setattr(model.opset_import[0], "version", 1),
    "terabytes": _made_large,
    "no shape": lambda model: model.graph.input[0].type.tensor_type.ClearField("shape"),
    "a huge batch": _shaped(10**9, 3, 8, 8),
    "a huge image": _shaped(1, 3, 10**6, 10**6),
    "a batch below 0": _shaped(-1, 3, 8, 8),
    "images below 0": _shaped(1, 3, -8, -8),
    "a batch of 64": _shaped(64, 3, 64, 64),
    "names of code": _named("__import__('os').system('touch ran')"),
    "nested names": _named("[" * 100_000),
    "names of brackets": _named("(" * 5000 + ")" * 5000),
    "names of powers": _named("9**9**9**9"),
    "names of minus": _named("-" * 100_000 + "1"),
    "names of huge numbers": _named("{" + "9" * 5000 + ": 'a'}"),
    "names of lines": _named('["a\\nb", "c", "d", "e"]'),
    "names of a megabyte": _named(json.dumps(["a" * 1_000_000, "b", "c", "d"])),
    "names of other count": _named('["a", "b"]'),
    "names of surrogates": _named('["\\ud800", "b", "c", "d"]'),
    "NaN": lambda model: model.graph.initializer[0].CopyFrom(numpy_helper.from_array(np.full((4, 3, 3, 3), np.nan, np.float32), "w")),
    "infinity": lambda model: model.graph.initializer[0].CopyFrom(numpy_helper.from_array(np.full((4, 3, 3, 3), 1e38, np.float32), "w")),
    "weights of another shape": lambda model: model.graph.initializer[0].dims.__setitem__(0, 5),
    "a cycle": lambda model: model.graph.node[0].input.__setitem__(0, "y"),
    "a name of NUL": lambda model: setattr(model.graph.node[0], "name", "a\0b"),
    "a sequence": lambda model: model.graph.output[0].type.sequence_type.elem_type.tensor_type.SetInParent(),
}  # fmt: skip


def cases() -> Iterator[Case]:
    for name, change in GRAPHS.items():
        yield member_case(
            f"onnx: {name}", file("t.onnx", network(change)), f"onnx: t.onnx, {INPUT}", "t.onnx"
        )
    for count in (1, 2, 256, 1000):
        yield member_case(
            f"onnx: {count} channels",
            file("t.onnx", network(channels=count)),
            f"onnx: t.onnx, {INPUT}",
            "t.onnx",
        )
    whole = network()
    for place in range(0, len(whole), 23):
        flipped = bytearray(whole)
        flipped[place] ^= 0x11
        yield member_case(f"onnx: byte {place}", file("t.onnx", bytes(flipped)), f"onnx: t.onnx, {INPUT}", "")
