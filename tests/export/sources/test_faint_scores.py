"""Where all scores of a network are faint, the order of its classes is kept."""

from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper

from tests.export.sources.foreign import Form, export, kernel

SCALES = (-12.0, -30.0, -60.0)


def network(path: Path, ending: str, shift: float) -> Path:
    """One convolution whose logits are moved by `shift`, and an ending in float32 that keeps small values."""
    constants = {"weight": kernel(3, 3, 3), "shift": np.float32(shift), "one": np.float32(1)}
    nodes = [
        helper.make_node("Conv", ["x", "weight"], ["c"], pads=[1] * 4),
        helper.make_node("Add", ["c", "shift"], ["logits" if ending else "prediction"]),
    ]
    if ending:
        nodes += [
            helper.make_node("Neg", ["logits"], ["n"]),
            helper.make_node("Exp", ["n"], ["e"]),
            helper.make_node("Add", ["e", "one"], ["s"]),
            helper.make_node("Div", ["one", "s"], ["prediction"]),
        ]
    graph = helper.make_graph(
        nodes,
        "theirs",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["N", 3, "H", "W"])],
        [helper.make_tensor_value_info("prediction", TensorProto.FLOAT, [None] * 4)],
        [onnx.numpy_helper.from_array(np.asarray(array), name) for name, array in constants.items()],
    )
    opset = [helper.make_opsetid("", 13)]
    onnx.save(helper.make_model(graph, opset_imports=opset, ir_version=7), path)
    return path


@pytest.mark.parametrize("shift", SCALES)
@pytest.mark.parametrize(("ending", "kind"), [("sigmoid", "probabilities"), ("", "sigmoid-logits")])
def test_labels_are_those_of_the_largest_score(ending: str, kind: str, shift: float, tmp_path: Path) -> None:
    declared = {"kind": kind}
    classes = {"0": "sky", "1": "road", "2": "car"}
    path = network(tmp_path / "theirs.onnx", ending, shift)
    model = export(path, Form({}, {"scale": "1/255"}, declared, classes))
    image = np.random.default_rng(0).integers(0, 256, (1, 32, 64, 3), dtype=np.uint8)
    session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
    (probabilities,) = session.run(None, {"image": image})
    theirs = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    (scores,) = theirs.run(None, {"x": (image.transpose(0, 3, 1, 2) / 255).astype(np.float32)})
    assert (probabilities.argmax(1) == scores.argmax(1)).mean() > 0.999
    np.testing.assert_allclose(probabilities.sum(1), 1, atol=1e-5)
