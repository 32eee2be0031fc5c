"""What is chosen, on runtimes that are slow or wrong."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import onnx
import pytest
import torch
from numpy.typing import NDArray

from seg.data import Sample
from seg.errors import MissingRuntimeError, VerificationError
from seg.export.export import is_exported
from seg.export.onnx_file.exported_model import ExportedModel
from seg.export.onnx_file.save import replace_model_card, save_onnx_model
from seg.export.onnx_file.to_onnx import write_onnx
from seg.export.precision.calibration import images_to_calibrate_int8
from seg.export.precision.choose import PrecisionTrial, choose_precision
from seg.export.precision.half import model_in_half_precision
from seg.export.precision.measure import PrecisionGate, Predict
from seg.files.atomic import sha256_of
from seg.labels.classes import ClassInfo
from seg.labels.label_map import LabelsHW
from seg.labels.task import Task
from seg.models.card import ModelCard, VerificationCard
from seg.models.model_file import read_model_card
from seg.spec import ExportSpec
from seg.train.networks import build_network
from seg.train.networks.segmenter import Segmenter
from tests.export.tiny import CARD, CLASSES, image, model, open_on_cpu, run


@pytest.mark.parametrize(
    ("agreement", "at_worst", "loss", "passes"),
    [
        (0.995, 0.990, 0.2, True),
        (0.994, 0.994, 0.0, False),
        (0.999, 0.980, 0.0, False),
        (0.999, 0.999, 0.3, False),
        (0.999, 0.999, -1.0, True),
        (float("nan"), 1.0, 0.0, False),
    ],
)
def test_the_gate(agreement: float, at_worst: float, loss: float, passes: bool) -> None:
    assert PrecisionGate(0.995, 0.2).passes(agreement, at_worst, loss) is passes


@dataclass
class DrawnSplit:
    """Images on disk with the labels that the model itself gives them, or those given."""

    folder: Path
    given: list[LabelsHW]
    classes: tuple[ClassInfo, ...] = CLASSES
    fingerprint: str = ""
    task: Task = "multiclass"

    @property
    def samples(self) -> tuple[Sample, ...]:
        return tuple(Sample(str(n), self.folder / f"{n}.png") for n in range(len(self.given)))

    def labels(self, index: int) -> LabelsHW:
        return self.given[index]

    def open_labels(self, index: int) -> LabelsHW:
        return self.given[index]


@pytest.fixture
def split(tmp_path: Path) -> DrawnSplit:
    (tmp_path / "images").mkdir()
    labels = []
    for n in range(5):
        cv2.imwrite(str(tmp_path / f"images/{n}.png"), image(40, 50, n)[..., ::-1])
        labels.append(run(model(), image(40, 50, n)[None]).argmax(1)[0].astype(np.uint8))
    return DrawnSplit(tmp_path / "images", labels)


def test_calibration_images_show_the_rare_class(split: DrawnSplit) -> None:
    common = np.zeros((40, 50), np.uint8)
    rare = common.copy()
    rare[0, 0] = 2
    split.given = [common, common, common, rare, common]
    (chosen,) = images_to_calibrate_int8(split, 1, "multiclass")
    np.testing.assert_array_equal(chosen, image(40, 50, 3))
    assert len(images_to_calibrate_int8(split, 99, "multiclass")) == 5


def slow_and_right(path: Path, _: str) -> Predict:
    answer = open_on_cpu(path, "cpu")

    def late(images_nhwc: NDArray[np.uint8]) -> NDArray[np.float32]:
        time.sleep(0.05)
        return answer(images_nhwc)

    return late


def wrong_beyond_one(path: Path, _: str) -> Predict:
    """Right for single images, wrong from a batch of two on."""
    answer = open_on_cpu(path, "cpu")
    return lambda images_nhwc: answer(images_nhwc)[:, ::-1] if len(images_nhwc) > 1 else answer(images_nhwc)


def trial(
    split: DrawnSplit, request: ExportSpec, other: object, name: str = "openvino-bf16"
) -> PrecisionTrial:
    def open_model(path: Path, runtime: str) -> Predict:
        opener = slow_and_right if runtime == "cpu" else other
        assert callable(opener)
        predict: Predict = opener(path, runtime)
        return predict

    return PrecisionTrial(request, split, split, ("cpu", name), open_model)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    save_onnx_model(model(), CARD, tmp_path / "model.onnx")
    return tmp_path / "model.onnx"


def half_writer(network: ExportedModel) -> Callable[[ModelCard, Path], object]:
    return lambda card, path: write_onnx(model_in_half_precision(network), card, path)


@pytest.fixture
def network() -> ExportedModel:
    return ExportedModel(Segmenter(torch.nn.Identity(), CARD.input))


def test_the_fastest_that_passes_is_taken(path: Path, network: ExportedModel, split: DrawnSplit) -> None:
    card = choose_precision(
        path, half_writer(network), CARD, trial(split, ExportSpec(precision="bf16"), open_on_cpu)
    )
    assert card == read_model_card(path)
    assert card.precision == "bf16"
    assert card.precision_choice is not None
    best, other = card.precision_choice.candidates
    assert (best.runtime, other.runtime) == ("openvino-bf16", "cpu")
    assert best.milliseconds < other.milliseconds
    assert best.agreement == other.agreement == 1
    assert best.miou == other.miou == 1


def test_a_runtime_that_is_wrong_at_one_batch_is_not_taken(
    path: Path, network: ExportedModel, split: DrawnSplit
) -> None:
    request = ExportSpec(precision="bf16")
    with pytest.raises(VerificationError, match="m: bf16 does not pass"):
        choose_precision(path, half_writer(network), CARD, trial(split, request, wrong_beyond_one))


@pytest.mark.slow
def test_int8_takes_the_place_of_the_model(path: Path, network: ExportedModel, split: DrawnSplit) -> None:
    request = ExportSpec(precision="int8", least_agreement=0.9, largest_loss=20)
    before = run(onnx.load(path), image()[None])
    card = choose_precision(path, half_writer(network), CARD, trial(split, request, open_on_cpu, "openvino"))
    assert card.precision == "int8"
    assert sorted(p.name for p in path.parent.iterdir()) == ["images", "model.onnx"]
    assert any(node.op_type == "DequantizeLinear" for node in onnx.load(path).graph.node)
    assert np.mean(run(onnx.load(path), image()[None]).argmax(1) == before.argmax(1)) > 0.9


def test_what_is_here_decides_what_is_tried(path: Path, network: ExportedModel, split: DrawnSplit) -> None:
    alone = PrecisionTrial(ExportSpec(precision="bf16"), split, split, ("cpu",), open_on_cpu)
    with pytest.raises(MissingRuntimeError, match="bf16 is that of runtime openvino-bf16"):
        choose_precision(path, half_writer(network), CARD, alone)
    assert PrecisionTrial(ExportSpec(precision="auto"), split, split, ("cpu",), open_on_cpu).precisions == (
        "fp32",
        "fp16",
        "int8",
    )


def test_another_wish_is_another_export(path: Path, network: ExportedModel, split: DrawnSplit) -> None:
    request = ExportSpec(precision="bf16")
    card = choose_precision(path, half_writer(network), CARD, trial(split, request, open_on_cpu))
    checkpoint = path.with_suffix(".safetensors")
    checkpoint.write_bytes(b"weights")
    verification = VerificationCard(
        images=1, batch_sizes=(1,), sizes_hw=((1, 1),), largest_difference=0, label_agreement=1
    )
    replace_model_card(
        path,
        card.model_copy(update={"verification": verification, "checkpoint_sha256": sha256_of(checkpoint)}),
    )
    assert is_exported(checkpoint, path, request)
    assert is_exported(checkpoint, path, None)
    assert not is_exported(checkpoint, path, ExportSpec())
    assert not is_exported(checkpoint, path, ExportSpec(precision="bf16", largest_loss=0.1))


def test_half_a_network_keeps_nearly_all_labels() -> None:
    torch.manual_seed(0)
    network = build_network("linknet", "resnet18", 3).eval()
    whole = ExportedModel(Segmenter(network, CARD.input)).eval()
    half = model_in_half_precision(whole)
    assert {p.dtype for p in half.segmenter.network.parameters()} == {torch.float16}
    assert {p.dtype for p in network.parameters()} == {torch.float32}
    with torch.no_grad():
        batch = torch.from_numpy(image(40, 50)[None])
        one, other = whole(batch), half(batch)
    assert other.dtype == torch.float32
    assert (one - other).abs().max() < 0.01
