"""Rewritten graphs compute what they computed, from fewer multiplications."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from seg.export.onnx_file.exported_model import ExportedModel
from seg.export.onnx_file.to_onnx import write_onnx
from seg.export.precision.half import model_in_half_precision
from seg.export.rewrite import rewrite_graph
from seg.export.rewrite.distribute_convolutions import transposed_weight
from seg.models.card import ModelCard
from seg.models.temperature import TEMPERATURE, set_temperature_in_graph
from seg.train.networks.checkpoint import load_checkpoint
from seg.train.networks.segmenter import Segmenter
from tests.export.tiny import RNG, image, run
from tests.export.untrained import ENCODER, checkpoint


@given(rows=st.integers(1, 5), columns=st.integers(1, 5), seed=st.integers(0, 99))
def test_a_transposed_convolution_does_what_repeating_and_convolving_do(
    rows: int, columns: int, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    weight = rng.normal(0, 1, (2, 3, 3, 3)).astype(np.float32)
    x = torch.from_numpy(rng.normal(0, 1, (1, 3, rows, columns)).astype(np.float32))
    repeated = torch.nn.functional.interpolate(x, scale_factor=2, mode="nearest")
    expected = torch.conv2d(repeated, torch.from_numpy(weight), padding=1)
    transposed = torch.from_numpy(transposed_weight(weight))
    found = torch.conv_transpose2d(x, transposed, stride=2, padding=1)
    torch.testing.assert_close(found, expected, atol=1e-4, rtol=1e-4)


@dataclass
class Decoder:
    """Builds a graph of the contract whose middle is up to the test; every layer has random weights."""

    seed: int
    nodes: list[onnx.NodeProto] = field(default_factory=list)
    weights: dict[str, NDArray[Any]] = field(default_factory=dict)
    channels: dict[str, int] = field(default_factory=lambda: {"nchw": 3})

    def __post_init__(self) -> None:
        self._rng = np.random.default_rng(self.seed)
        self._numbers = count()

    def conv(self, reads: str, channels: int, side: int = 3, stride: int = 1, bias: bool = True) -> str:
        made = self._made(channels)
        weight = self._rng.normal(0, 1, (channels, self.channels[reads], side, side)) / (side * side)
        self.weights[f"{made}.w"] = weight.astype(np.float32)
        self.weights[f"{made}.b"] = self._rng.normal(0, 1, channels).astype(np.float32)
        inputs = [reads, f"{made}.w", f"{made}.b"][: 3 if bias else 2]
        pads, strides = [side // 2] * 4, [stride] * 2
        return self._add("Conv", inputs, made, pads=pads, strides=strides)

    def doubled(self, reads: str, **other: str) -> str:
        self.weights["twice"] = np.array([1, 1, 2, 2], np.float32)
        how = {
            "mode": "nearest",
            "coordinate_transformation_mode": "asymmetric",
            "nearest_mode": "floor",
            **other,
        }
        return self._add("Resize", [reads, "", "twice"], self._made(self.channels[reads]), **how)

    def sum(self, one: str, other: str) -> str:
        return self._add("Add", [one, other], self._made(self.channels[one]))

    def concatenated(self, *reads: str) -> str:
        made = self._made(sum(self.channels[one] for one in reads))
        return self._add("Concat", reads, made, axis=1)

    def relu(self, reads: str) -> str:
        return self._add("Relu", [reads], self._made(self.channels[reads]))

    def model(self, logits: str) -> onnx.ModelProto:
        """Of an image whose sides are cut to multiples of 8, as padding would make them."""
        before = [
            helper.make_node("Cast", ["image"], ["float"], to=TensorProto.FLOAT),
            helper.make_node("Mul", ["float", "scale"], ["small"]),
            helper.make_node("Transpose", ["small"], ["planes"], perm=[0, 3, 1, 2]),
            helper.make_node("Resize", ["planes", "", "", "sides"], ["nchw"], axes=[2, 3]),
        ]
        after = [
            helper.make_node("Div", [logits, TEMPERATURE], ["tempered"]),
            helper.make_node("Softmax", ["tempered"], ["probabilities"], axis=1),
        ]
        self.weights[TEMPERATURE] = np.array(1, np.float32)
        self.weights["scale"] = np.array(1 / 255, np.float32)
        self.weights["sides"] = np.array([16, 24], np.int64)
        graph = helper.make_graph(
            [*before, *self.nodes, *after],
            "decoder",
            [helper.make_tensor_value_info("image", TensorProto.UINT8, ["N", "H", "W", 3])],
            [helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, ["N", "C", "h", "w"])],
            [numpy_helper.from_array(array, name) for name, array in self.weights.items()],
        )
        return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10)

    def _made(self, channels: int) -> str:
        made = f"t{next(self._numbers)}"
        self.channels[made] = channels
        return made

    def _add(self, operator: str, reads: Sequence[str], made: str, **facts: Any) -> str:
        self.nodes.append(helper.make_node(operator, reads, [made], name=f"{made}/{operator}", **facts))
        return made


def pyramid(decoder: Decoder, bias: bool) -> str:
    """The top-down path of an FPN: laterals of few channels, sums of many."""
    c1 = decoder.relu(decoder.conv("nchw", 2))
    c2 = decoder.relu(decoder.conv(c1, 2, stride=2))
    c3 = decoder.relu(decoder.conv(c2, 2, stride=2))
    p3 = decoder.conv(c3, 16, side=1, bias=bias)
    p2 = decoder.sum(decoder.doubled(p3), decoder.conv(c2, 16, side=1, bias=bias))
    p1 = decoder.sum(decoder.conv(c1, 16, side=1, bias=bias), decoder.doubled(p2))
    return decoder.conv(p1, 4, bias=bias)


def ladder(decoder: Decoder, bias: bool) -> str:
    """The decoder of a U-Net: doubled, concatenated with what came before, convolved."""
    c1 = decoder.relu(decoder.conv("nchw", 3))
    c2 = decoder.relu(decoder.conv(c1, 8, stride=2))
    c3 = decoder.relu(decoder.conv(c2, 12, stride=2))
    d2 = decoder.relu(decoder.conv(decoder.concatenated(decoder.doubled(c3), c2), 6, bias=bias))
    return decoder.conv(decoder.concatenated(c1, decoder.doubled(d2)), 4, bias=bias)


def doubled_alone(decoder: Decoder, bias: bool) -> str:
    inner = decoder.relu(decoder.conv("nchw", 8, stride=2))
    return decoder.conv(decoder.doubled(inner), 4, bias=bias)


SHAPES: list[Callable[[Decoder, bool], str]] = [pyramid, ladder, doubled_alone]


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("bias", [True, False])
@settings(max_examples=20)
@given(seed=st.integers(0, 999))
def test_answers_stay_and_multiplications_go(
    shape: Callable[[Decoder, bool], str], bias: bool, seed: int
) -> None:
    decoder = Decoder(seed)
    plain = decoder.model(shape(decoder, bias))
    rewritten = onnx.ModelProto()
    rewritten.CopyFrom(plain)
    rewrite_graph(rewritten)
    onnx.checker.check_model(rewritten, full_check=True)
    images = np.stack([image(16, 24, seed), image(16, 24, seed + 1)])
    np.testing.assert_allclose(run(rewritten, images), run(plain, images), atol=1e-5)
    assert multiplications(rewritten, images[:1]) < 0.75 * multiplications(plain, images[:1])


def multiplications(model: onnx.ModelProto, images_nhwc: NDArray[np.uint8]) -> int:
    """Of all convolutions, counted from the shapes that a run has."""
    convolutions = [node for node in model.graph.node if node.op_type in ("Conv", "ConvTranspose")]
    shown = onnx.ModelProto()
    shown.CopyFrom(model)
    names = [node.input[0] for node in convolutions] + [node.output[0] for node in convolutions]
    del shown.graph.output[:]
    shown.graph.output.extend(helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in names)
    session = onnxruntime.InferenceSession(shown.SerializeToString(), providers=["CPUExecutionProvider"])
    values = session.run(None, {"image": images_nhwc})
    weights = {tensor.name: tuple(tensor.dims) for tensor in model.graph.initializer}
    total = 0
    for node, read, made in zip(convolutions, values, values[len(convolutions) :], strict=False):
        # Each pixel that is read meets the whole kernel in one, and each that is made in the other.
        pixels = read[0, 0].size if node.op_type == "ConvTranspose" else made[0, 0].size
        total += pixels * int(np.prod(weights[node.input[1]]))
    return total


def test_what_only_looks_alike_stays() -> None:
    """Interpolated, not repeated; strided; a sum without a 1x1 convolution; many channels in the lateral."""
    decoder = Decoder(0)
    c1 = decoder.conv("nchw", 6)
    c2 = decoder.relu(decoder.conv(c1, 6, stride=2))
    smooth = decoder.conv(decoder.doubled(c2, mode="linear", coordinate_transformation_mode="half_pixel"), 6)
    strided = decoder.doubled(decoder.conv(decoder.doubled(c2), 6, stride=2))
    total = decoder.sum(decoder.sum(smooth, strided), c1)
    plain = decoder.model(decoder.conv(total, 4))
    rewritten = onnx.ModelProto()
    rewritten.CopyFrom(plain)
    rewrite_graph(rewritten)
    assert [node.op_type for node in rewritten.graph.node] == [node.op_type for node in plain.graph.node]


def test_a_stack_is_added_up_without_being_stacked() -> None:
    decoder = Decoder(1)
    one, other = decoder.conv("nchw", 4), decoder.conv("nchw", 4)
    decoder.weights["axis"] = np.array([0], np.int64)
    decoder.nodes += [
        helper.make_node("Unsqueeze", [one, "axis"], ["one"], name="m/Unsqueeze"),
        helper.make_node("Unsqueeze", [other, "axis"], ["other"], name="m/Unsqueeze_2"),
        helper.make_node("Concat", ["one", "other"], ["stack"], name="m/Concat", axis=0),
        helper.make_node("ReduceSum", ["stack", "axis"], ["sum"], name="m/ReduceSum", keepdims=0),
    ]
    plain = decoder.model("sum")
    rewritten = onnx.ModelProto()
    rewritten.CopyFrom(plain)
    rewrite_graph(rewritten)
    assert {"Concat", "ReduceSum", "Unsqueeze"}.isdisjoint(node.op_type for node in rewritten.graph.node)
    np.testing.assert_allclose(run(rewritten, image()[None]), run(plain, image()[None]), atol=1e-6)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("architecture", "encoder"),
    [
        ("unet", ENCODER),
        ("unetplusplus", ENCODER),
        ("fpn", ENCODER),
        ("manet", "timm-tf_efficientnet_lite0"),
    ],
)
def test_networks_answer_as_pytorch_does(
    architecture: str, encoder: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At a size that is no multiple of the stride, with a temperature, and with biases that say something."""
    model, card = untrained(tmp_path, architecture, encoder)
    plain = before_rewriting(monkeypatch)
    write_onnx(model, card, tmp_path / "rewritten.onnx")
    rewritten = onnx.load(tmp_path / "rewritten.onnx")
    images = np.stack([image(70, 101), image(70, 101, seed=1)])
    fewer, more = (multiplications(graph, images[:1]) for graph in (rewritten, plain))
    assert fewer < 0.95 * more
    set_temperature_in_graph(rewritten, 2.0, tmp_path / "rewritten.onnx")
    model.temperature.fill_(2.0)
    with torch.no_grad():
        expected = model(torch.from_numpy(images)).numpy()
    np.testing.assert_allclose(run(rewritten, images), expected, atol=1e-5)


@pytest.mark.slow
def test_a_network_in_float16_is_rewritten_in_float16(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model, card = untrained(tmp_path, "fpn")
    plain = before_rewriting(monkeypatch)
    write_onnx(model_in_half_precision(model), card, tmp_path / "rewritten.onnx")
    rewritten = onnx.load(tmp_path / "rewritten.onnx")
    onnx.checker.check_model(rewritten, full_check=True)
    assert any(node.op_type == "ConvTranspose" for node in rewritten.graph.node)
    np.testing.assert_allclose(run(rewritten, image()[None]), run(plain, image()[None]), atol=2e-2)


def before_rewriting(monkeypatch: pytest.MonkeyPatch) -> onnx.ModelProto:
    """A graph that becomes a copy of what is exported next, as it is before it is rewritten."""
    plain = onnx.ModelProto()

    def keep_and_rewrite(graph: onnx.ModelProto) -> None:
        plain.CopyFrom(graph)
        rewrite_graph(graph)

    monkeypatch.setattr("seg.export.onnx_file.to_onnx.rewrite_graph", keep_and_rewrite)
    return plain


def untrained(folder: Path, architecture: str, encoder: str = ENCODER) -> tuple[ExportedModel, ModelCard]:
    network, card = load_checkpoint(checkpoint(folder, architecture, encoder=encoder))
    with torch.no_grad():
        for name, parameter in network.named_parameters():
            if name.startswith("decoder") and name.endswith("bias"):
                parameter.copy_(torch.from_numpy(RNG.normal(0, 0.1, parameter.shape).astype(np.float32)))
    return ExportedModel(Segmenter(network, card.input)).eval(), card
