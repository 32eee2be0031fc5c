"""Members that were trained elsewhere, for datasets of classes that overlap, against PyTorch by hand."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import pytest
import torch
from torch import Tensor, nn

from seg.errors import ModelError
from seg.export import export_module
from seg.export.sources.export_source import export_source, is_exported_source
from seg.export.sources.module_source import open_module, sha256_of_weights
from seg.labels.classes import ClassInfo
from seg.labels.task import Task
from seg.models.model_file import read_model_card
from seg.models.temperature import set_temperature_in_graph
from seg.spec import DatasetSpec, ExportSpec, MemberSpec
from tests.export.tiny import image

INPUT = {"scale": "1/255", "stride": 1}


def network(channels: int, *ending: nn.Module) -> nn.Module:
    torch.manual_seed(channels)
    return nn.Sequential(nn.Conv2d(3, channels, 3, padding=1), *ending).eval()


def logits(module: nn.Module, image_hwc: np.ndarray[Any, np.dtype[np.uint8]]) -> Tensor:
    """What the convolution gives, `[C, H, W]`."""
    with torch.no_grad():
        found: Tensor = module[0](torch.from_numpy(image_hwc).permute(2, 0, 1)[None] / 255)  # type: ignore[index]
    return found[0]


def run(path: Path, image_hwc: np.ndarray[Any, np.dtype[np.uint8]]) -> np.ndarray[Any, Any]:
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    return np.asarray(session.run(None, {"image": image_hwc[None]})[0][0])


CASES: dict[str, tuple[nn.Module, dict[str, str], list[str], Task, Callable[[Tensor], Tensor]]] = {
    "logits of sigmoids": (
        network(3), {"kind": "sigmoid-logits"}, ["a", "b", "c"], "multilabel", torch.sigmoid
    ),
    "sigmoids": (network(3, nn.Sigmoid()), {"kind": "sigmoid"}, ["a", "b", "c"], "multilabel", torch.sigmoid),
    "one channel": (network(1), {}, ["a"], "binary", torch.sigmoid),
    "a softmax of two": (network(2), {"kind": "logits"}, ["a"], "binary", lambda x: x.softmax(0)[1:]),
    "a softmax with a background": (
        network(4), {"kind": "logits"}, ["a", "b", "c"], "multilabel", lambda x: x.softmax(0)[1:]
    ),
    "probabilities": (
        network(2, nn.Softmax(1)), {"kind": "probabilities"}, ["a"], "binary", lambda x: x.softmax(0)[1:]
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_it_is_the_network_by_hand(case: str, tmp_path: Path) -> None:
    module, output, classes, task, expected = CASES[case]
    path = tmp_path / "m.onnx"
    card = export_module(module, path, classes=classes, input=INPUT, output=output, task=task)
    assert read_model_card(path).task == task
    assert card.verification is not None
    assert card.verification.label_agreement > 0.999
    image_hwc = image(21, 17)
    np.testing.assert_allclose(run(path, image_hwc), expected(logits(module, image_hwc)).numpy(), atol=1e-5)


def test_a_temperature_divides_the_logits_of_sigmoids(tmp_path: Path) -> None:
    import onnx

    module, output, classes, task, _ = CASES["sigmoids"]
    export_module(module, tmp_path / "m.onnx", classes=classes, input=INPUT, output=output, task=task)
    graph = onnx.load(tmp_path / "m.onnx")
    set_temperature_in_graph(graph, 2.5, tmp_path / "m.onnx")
    onnx.save(graph, tmp_path / "flat.onnx")
    image_hwc = image(21, 17)
    expected = torch.sigmoid(logits(module, image_hwc) / 2.5).numpy()
    np.testing.assert_allclose(run(tmp_path / "flat.onnx", image_hwc), expected, atol=1e-5)


def named(*names: str) -> list[ClassInfo]:
    return [ClassInfo(id=n, name=name, colour=(n, n, n)) for n, name in enumerate(names)]


def test_the_likeliest_of_several_classes_is_ours_and_others_are_left_out(tmp_path: Path) -> None:
    """Their 0 and 2 are our b, their 1 our a, and their 3 nothing of ours."""
    module = network(4)
    declared = {
        "name": "m", "checkpoint": "m.pt", "input": INPUT, "output": {"kind": "sigmoid-logits"},
        "classes": {"0": "b", "1": "a", "2": "b"},
    }  # fmt: skip
    member = MemberSpec.model_validate(declared)
    source = open_module(module, Path("m.pt"), "module", sha256_of_weights(module), member)
    data, ours, path = DatasetSpec(task="multilabel"), named("a", "b"), tmp_path / "m.onnx"
    export_source(member, source, path, ours, data, [image(40, 50)], ExportSpec())
    image_hwc = image(21, 17)
    theirs = torch.sigmoid(logits(module, image_hwc))
    expected = torch.stack([theirs[1], torch.maximum(theirs[0], theirs[2])])
    np.testing.assert_allclose(run(path, image_hwc), expected.numpy(), atol=1e-5)
    assert is_exported_source(member, source.sha256, ours, "multilabel", path, None)
    assert not is_exported_source(member, source.sha256, ours, "binary", path, None)


def test_a_class_without_one_of_theirs_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="3 classes and the dataset 4"):
        export_module(
            network(3), tmp_path / "m.onnx", classes=["a", "b", "c", "d"], input=INPUT, task="multilabel",
            output={"kind": "sigmoid-logits"},
        )  # fmt: skip
