"""Int8 against torch's own quantisers and brute force."""

from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray

from seg.export.precision.measure import Predict
from seg.export.precision.quantise import quantisable_layers_of, quantise_layers, weight_to_int8
from seg.export.precision.ranges import STEPS, clipping_values, least_error_clip
from seg.export.precision.sensitive import quantise_within_gate
from tests.export.tiny import KERNELS, RNG, image, model, run

pytestmark = pytest.mark.slow


@given(arrays(np.float32, (3, 2, 2), elements=st.floats(-100, 100, width=32)), st.integers(0, 2))
def test_a_weight_comes_back_within_half_a_step(weight: NDArray[np.float32], axis: int) -> None:
    stored, scale = weight_to_int8(weight, axis)
    back = stored * np.expand_dims(scale, tuple(a for a in range(3) if a != axis))
    largest = np.abs(weight).max(tuple(a for a in range(3) if a != axis), keepdims=True)
    assert np.all(np.abs(back - weight) <= largest / 254 * 1.001 + 1e-37)
    assert np.all(stored[weight == 0] == 0)
    assert np.abs(stored.astype(int)).max() <= STEPS


def test_an_int8_graph_computes_what_torch_says_int8_is() -> None:
    clipping = {"small": 0.9, "c": 6.0}
    graph = model()
    quantised = quantise_layers(graph, quantisable_layers_of(graph), clipping)
    onnx.checker.check_model(quantised, full_check=True)
    x = torch.from_numpy(image()[None]).permute(0, 3, 1, 2).float() * (1 / 255)
    for (source, kernel), last in zip(zip(clipping, KERNELS, strict=True), (False, True), strict=True):
        x = torch.fake_quantize_per_tensor_affine(x, clipping[source] / 127, 0, -128, 127)
        k = torch.from_numpy(kernel)
        scales = k.abs().amax((1, 2, 3)) / 127
        k = torch.fake_quantize_per_channel_affine(
            k, scales, torch.zeros(len(k), dtype=torch.int32), 0, -127, 127
        )
        x = torch.conv2d(x, k, padding=1)
        x = x if last else x.relu()
    np.testing.assert_allclose(run(quantised, image()[None]), x.softmax(1).numpy(), atol=2e-5)


def test_openvino_and_onnx_runtime_read_the_same_int8(tmp_path: Path) -> None:
    openvino = pytest.importorskip("openvino")
    graph = model()
    onnx.save(
        quantise_layers(graph, quantisable_layers_of(graph), {"small": 1.0, "c": 6.0}), tmp_path / "m.onnx"
    )
    compiled = openvino.compile_model(tmp_path / "m.onnx", "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    ours = run(onnx.load(tmp_path / "m.onnx"), image()[None]).argmax(1)
    assert np.mean(compiled(image()[None])[0].argmax(1) == ours) > 0.99


def test_weights_become_bytes_and_what_is_unread_is_gone() -> None:
    graph = model()
    names = {
        t.name
        for t in quantise_layers(graph, quantisable_layers_of(graph)[:1], {"small": 1.0}).graph.initializer
    }
    assert "k0" not in names
    assert {"k0/int8", "k1"} <= names


def test_clipping_errs_least_among_all_that_can_be_tried() -> None:
    values = np.abs(np.concatenate([RNG.normal(0, 1, 200_000), [10.0]]))
    counts = np.histogram(values, 2048, (0, 10.0))[0].astype(np.float64)

    def error(clip: float) -> float:
        step = clip / STEPS
        return float(((np.clip(np.rint(values / step), 0, STEPS) * step - values) ** 2).sum())

    best = min(error(10.0 * end / 2048) for end in range(128, 2049))
    assert error(10.0 * least_error_clip(counts)) <= 1.02 * best < 0.75 * error(10.0)


def test_the_range_of_a_tensor_is_that_of_the_images() -> None:
    flat = np.full((8, 8, 3), 51, np.uint8)
    (clip,) = clipping_values(model(), ["small"], [flat, flat // 3]).values()
    assert clip == pytest.approx(0.2, rel=0.01)


def open_twice(graph: onnx.ModelProto) -> list[Predict]:
    return [lambda batch: run(graph, batch)] * 2


def wrong_with_int8_second(graph: onnx.ModelProto) -> list[Predict]:
    """A second runtime that gets one kind of int8 layer wrong."""
    right = open_twice(graph)[0]
    second = next(node for node in graph.graph.node if node.name == "second")

    def wrong(batch: NDArray[np.uint8]) -> NDArray[np.float32]:
        return right(batch)[:, ::-1]

    return [right, wrong if second.input[1] != "k1" else right]


def test_a_layer_that_any_runtime_gets_wrong_stays_in_float() -> None:
    images = [image(seed=seed) for seed in range(2)]
    found = quantise_within_gate(model(), images, "multiclass", 0.9, wrong_with_int8_second, lambda _: True)
    assert found is not None
    assert found[1] == ("second",)


def test_the_layer_that_int8_hurts_stays_in_float() -> None:
    """One channel a thousand times the others, which the second layer needs all the same."""
    k0, k1 = KERNELS[0].copy(), KERNELS[1].copy()
    k1[:, 3] /= 1000
    graph = model((k0, k1), gain=(1, 1, 1, 1000))
    images = [image(seed=seed) for seed in range(4)]
    found = quantise_within_gate(graph, images, "multiclass", 0.98, open_twice, lambda _: True)
    assert found is not None
    quantised, in_float = found
    assert in_float == ("second",)
    for one in images:
        assert np.mean(run(quantised, one[None]).argmax(1) == run(graph, one[None]).argmax(1)) >= 0.95
    assert quantise_within_gate(graph, images, "multiclass", 0.98, open_twice, lambda _: False) is None
