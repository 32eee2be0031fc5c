"""Members that break their word while they run: one line that names them, on every runtime."""

import json
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper
from typer.testing import CliRunner

from seg.commands.app import app
from seg.data.images.images import read_image
from seg.engine import Ensemble
from seg.engine.runtimes.open import usable_runtimes
from seg.errors import ModelError
from seg.models.card import CARD_KEY
from seg.spec import EnsembleSpec, load_ensemble
from tests.engine.tiny_models import MakeModel, tiny_card, tiny_graph

RUNTIMES = ["cpu", "openvino"]
Change = Callable[[onnx.GraphProto], None]


def ending(*nodes: onnx.NodeProto, **constants: Any) -> Change:
    """Let the graph go on after its softmax: the first node reads `own`, the last makes `probabilities`."""

    def change(graph: onnx.GraphProto) -> None:
        graph.node[-1].output[0] = "own"
        graph.node.extend(nodes)
        graph.initializer.extend(
            numpy_helper.from_array(np.asarray(value), name) for name, value in constants.items()
        )

    return change


def one(operator: str, *inputs: str, **attributes: Any) -> onnx.NodeProto:
    return helper.make_node(operator, ["own", *inputs], ["probabilities"], **attributes)


def free_output(graph: onnx.GraphProto, kind: int = TensorProto.FLOAT) -> None:
    del graph.output[:]
    graph.output.append(helper.make_tensor_value_info("probabilities", kind, None))


def spec_of(folder: Path, model: onnx.ModelProto, **said: Any) -> EnsembleSpec:
    helper.set_model_props(model, {CARD_KEY: tiny_card("broken").model_dump_json()})
    onnx.save(model, folder / "broken.onnx")
    spec = {
        "data": {"train": {"images": "x"}, "val": {"images": "x"}},
        "members": [{"name": "broken", "model": "broken.onnx"}],
        **said,
    }
    (folder / "broken.yaml").write_text(json.dumps(spec))
    return load_ensemble(folder / "broken.yaml")


BREAKS: dict[str, tuple[Change, str]] = {
    "half the size": (
        ending(one("AveragePool", kernel_shape=[2, 2], strides=[2, 2])),
        r"gives float32 \[1, 4, 10, 15\] .* expected float32 \[1, 4, 20, 30\]",
    ),
    "another channel count": (
        ending(one("Slice", "from", "to", "axes"), **{"from": [0], "to": [3], "axes": [1]}),
        r"gives float32 \[1, 3, 20, 30\]",
    ),
    "three dimensions": (
        ending(one("ReduceMax", "axes", keepdims=0), axes=[0]),
        r"gives float32 \[4, 20, 30\]",
    ),
    "a Reshape to a fixed size": (
        ending(one("Reshape", "size"), size=[1, 4, 8, 8]),
        "fails on 1 image of 20x30",
    ),
    "a fixed size": (
        ending(one("Add", "fixed"), fixed=np.zeros((1, 4, 8, 8), np.float32)),
        "fails on 1 image of 20x30",
    ),
    # The image is black, for which all classes are equally likely.
    "negative": (ending(one("Neg")), r"gives the probability -0\.25 "),
    "logits": (ending(one("Log")), r"gives the probability -1\.386 "),
    "percentages": (ending(one("Mul", "hundred"), hundred=np.float32(100)), r"gives the probability 25 "),
    "halves": (ending(one("Add", "own")), r"gives probabilities that sum to 2 "),
    "nothing": (ending(one("Sub", "own")), r"gives probabilities that sum to 0 "),
}


@pytest.mark.parametrize("runtime", RUNTIMES)
@pytest.mark.parametrize("name", BREAKS)
def test_it_is_named_with_what_it_gives(name: str, runtime: str, tmp_path: Path) -> None:
    if runtime not in usable_runtimes():
        pytest.skip(f"no {runtime} on this machine")
    change, message = BREAKS[name]
    model = tiny_graph(1, 4)
    change(model.graph)
    free_output(model.graph)
    spec = spec_of(tmp_path, model, runtime=runtime)
    image_hwc = np.zeros((20, 30, 3), dtype=np.uint8)
    with pytest.raises(ModelError, match=rf"broken\.onnx: .*{message}") as caught:
        Ensemble.load(spec).predict(image_hwc)
    assert "\n" not in str(caught.value)


def with_nan(path: Path, value: float) -> None:
    model = onnx.load(path)
    kernel = next(tensor for tensor in model.graph.initializer if tensor.name == "kernel")
    values = numpy_helper.to_array(kernel).copy()
    values[1, 0, 0, 0] = value
    kernel.CopyFrom(numpy_helper.from_array(values, "kernel"))
    onnx.save(model, path)


@pytest.fixture
def sick(project: Path) -> Path:
    """The project, whose member `b` gives NaN wherever the image is not black."""
    spec = json.loads(project.read_text())
    own = project.parent / "b.onnx"
    own.write_bytes(Path(spec["members"][1]["model"]).read_bytes())
    with_nan(own, np.nan)
    spec["members"][1]["model"] = own.name
    project.write_text(json.dumps(spec))
    return project


LINE = (
    r"^b: its probabilities are not finite on image \d: train or export this member again, or leave it out$"
)
"""Of images that are batched at the same time, whichever is first."""


@pytest.mark.parametrize("runtime", RUNTIMES)
@pytest.mark.parametrize(
    "options", [{"merge": "mean"}, {"merge": "geometric"}, {"merge": "vote"}, {"tile": {"size": 8}}], ids=str
)
def test_what_is_not_finite_names_member_and_image(options: dict[str, Any], runtime: str, sick: Path) -> None:
    if runtime not in usable_runtimes():
        pytest.skip(f"no {runtime} on this machine")
    sick.write_text(json.dumps(json.loads(sick.read_text()) | options | {"runtime": runtime}))
    result = CliRunner().invoke(app, ["ensemble", str(sick)])
    with pytest.raises(ModelError, match=LINE):
        raise result.exception or AssertionError
    assert not (sick.parent / "submission.csv").exists()


def test_class_weights_and_calibration_see_it_too(sick: Path) -> None:
    spec = json.loads(sick.read_text())
    spec["members"][0]["class_weights"] = {"glass": 2}
    sick.write_text(json.dumps(spec))
    for command in ("ensemble", "calibrate"):
        result = CliRunner().invoke(app, [command, str(sick)])
        with pytest.raises(ModelError, match=LINE):
            raise result.exception or AssertionError


@pytest.mark.parametrize("value", [np.inf, np.nan])
def test_infinity_is_no_warning(value: float, project: Path, make_model: MakeModel) -> None:
    """Warnings are errors in these tests."""
    path = make_model(7)
    with_nan(path, value)
    spec = json.loads(project.read_text())
    spec["members"][1]["model"] = str(path)
    project.write_text(json.dumps(spec))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(ModelError, match=r"^b: its probabilities are not finite on the image"):
            Ensemble.load(project).predict(read_image(project.parent / "images/0.png"))
