"""Exports of classes that overlap: the graph's sigmoid, the verification by bits, precisions and Triton."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from numpy.typing import NDArray
from torch import nn

from seg.data import Sample
from seg.data.images.images import write_image
from seg.errors import VerificationError
from seg.export.onnx_file.exported_model import ExportedModel
from seg.export.onnx_file.to_onnx import write_onnx
from seg.export.onnx_file.verification_batches import VERIFIED_IMAGES
from seg.export.onnx_file.verify import verify_onnx_file
from seg.export.precision.calibration import images_to_calibrate_int8
from seg.export.precision.half import model_in_half_precision
from seg.export.precision.measure import PrecisionGate, measure_precision, take_fp32_reference
from seg.export.triton.config import TritonServing, triton_model_config
from seg.labels.classes import ClassInfo
from seg.labels.task import LabelMap, Task, masks_of, pack_masks
from seg.models.card import InputCard, ModelCard
from seg.models.model_file import read_model_card
from seg.models.temperature import set_temperature_in_graph
from seg.terminal.progress import progress
from seg.train.networks.segmenter import Segmenter
from tests.engine.tiny_models import tiny_graph
from tests.export.tiny import image

CLASSES = tuple(ClassInfo(id=n, name=f"c{n}", colour=(n, n, n)) for n in range(3))
INPUT = InputCard(stride=4, mean=(0.5, 0.5, 0.5), std=(0.2, 0.2, 0.2))
CARD = ModelCard(
    name="m", architecture="fpn", encoder="x", task="multilabel", classes=CLASSES, unlabelled="ignore",
    input=INPUT,
)  # fmt: skip
GATE = PrecisionGate(0.9, 100.0)


def network(seed: int = 0) -> nn.Module:
    torch.manual_seed(seed)
    return nn.Sequential(nn.Conv2d(3, 8, 3, padding=1), nn.ReLU(), nn.Conv2d(8, 3, 3, padding=1)).eval()


def run(path: Path, image_hwc: NDArray[np.uint8]) -> NDArray[np.float32]:
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    return np.asarray(session.run(None, {"image": image_hwc[None]})[0][0])


def test_the_file_has_sigmoids_at_a_temperature(tmp_path: Path) -> None:
    exported = ExportedModel(Segmenter(network(), INPUT), "multilabel").eval()
    path = tmp_path / "m.onnx"
    write_onnx(exported, CARD, path)
    assert read_model_card(path).task == "multilabel"
    images = [image(24, 31, seed) for seed in range(2)]
    with progress("verify", VERIFIED_IMAGES, unit="images") as advance:
        checked = verify_onnx_file(path, exported, images, advance)
    assert (checked.label_agreement, checked.largest_difference < 1e-5) == (1.0, True)
    with torch.no_grad():
        logits = exported.segmenter(torch.from_numpy(images[0][None]).float())[0]
    np.testing.assert_allclose(run(path, images[0]), logits.sigmoid().numpy(), atol=1e-5)
    graph = onnx.load(path)
    set_temperature_in_graph(graph, 2, path)
    onnx.save(graph, path)
    np.testing.assert_allclose(run(path, images[0]), (logits / 2).sigmoid().numpy(), atol=1e-5)
    half = model_in_half_precision(exported)
    with torch.no_grad():
        np.testing.assert_allclose(half(torch.from_numpy(images[0][None]))[0], logits.sigmoid(), atol=1e-2)


def test_one_other_bit_is_another_label(tmp_path: Path) -> None:
    """The likeliest class stays the same everywhere."""
    exported = ExportedModel(Segmenter(network(), INPUT), "multilabel").eval()
    with torch.no_grad():
        exported.segmenter.network[2].weight[:2] = 0  # type: ignore[index]
        exported.segmenter.network[2].bias[:2] = torch.tensor([9.0, -0.01])  # type: ignore[index]
    write_onnx(exported, CARD, tmp_path / "m.onnx")
    with torch.no_grad():
        exported.segmenter.network[2].bias[1] = 0.01  # type: ignore[index]
    with (
        pytest.raises(VerificationError, match=r"label agreement with the checkpoint is 0\.0"),
        progress("verify", VERIFIED_IMAGES, unit="images") as advance,
    ):
        verify_onnx_file(tmp_path / "m.onnx", exported, [image(24, 31)], advance)


@dataclass
class DrawnSplit:
    """Images on disk with given label maps."""

    folder: Path
    given: list[LabelMap]
    classes: tuple[ClassInfo, ...] = CLASSES
    fingerprint: str = ""
    task: Task = "multilabel"

    def __post_init__(self) -> None:
        for number in range(len(self.given)):
            write_image(self.folder / f"{number}.png", image(24, 31, number))

    @property
    def samples(self) -> tuple[Sample, ...]:
        return tuple(Sample(str(n), self.folder / f"{n}.png") for n in range(len(self.given)))

    def labels(self, index: int) -> LabelMap:
        return self.given[index]

    def open_labels(self, index: int) -> LabelMap:
        return self.given[index]


def as_probabilities(images_nhwc: NDArray[np.uint8]) -> NDArray[np.float32]:
    """The brightness of each colour of a pixel."""
    return np.ascontiguousarray(images_nhwc.transpose(0, 3, 1, 2) / np.float32(255), dtype=np.float32)


def darker(images_nhwc: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Colour 1 is 0 in the first column."""
    found = as_probabilities(images_nhwc)
    found[:, 1, :, 0] = 0
    return found


def test_precisions_are_measured_by_bits(tmp_path: Path) -> None:
    truth = [as_probabilities(image(24, 31, n)[None])[0] > 0.5 for n in range(3)]
    split = DrawnSplit(tmp_path, [pack_masks(masks) for masks in truth])
    reference = take_fp32_reference(as_probabilities, split, 4, "multilabel")
    (tmp_path / "m.onnx").write_bytes(b"x")
    same = measure_precision(tmp_path / "m.onnx", "fp32", "cpu", as_probabilities, reference, GATE)
    assert (same.agreement, same.miou, same.loss, same.passed) == (1, 1, 0, True)
    other = measure_precision(tmp_path / "m.onnx", "int8", "cpu", darker, reference, GATE)
    lost = sum(int(masks[1, :, 0].sum()) for masks in truth)
    assert other.agreement == pytest.approx(1 - lost / (3 * 24 * 31))
    iou = 1 - lost / sum(int(masks[1].sum()) for masks in truth)
    assert other.miou == pytest.approx((2 + iou) / 3)
    assert other.worst_class == "c1"
    assert other.largest_class_loss == pytest.approx(100 * (1 - iou))


def test_images_without_any_class_lose_nothing(tmp_path: Path) -> None:
    split = DrawnSplit(tmp_path, [np.zeros((24, 31), np.uint8)] * 2)
    (tmp_path / "m.onnx").write_bytes(b"x")

    def nothing(images_nhwc: NDArray[np.uint8]) -> NDArray[np.float32]:
        return np.zeros((len(images_nhwc), 3, *images_nhwc.shape[1:3]), np.float32)

    reference = take_fp32_reference(nothing, split, 4, "multilabel")
    assert measure_precision(tmp_path / "m.onnx", "fp32", "cpu", nothing, reference, GATE).passed


def test_calibration_images_show_the_rare_class(tmp_path: Path) -> None:
    masks = np.zeros((3, 24, 31), dtype=np.bool_)
    masks[0] = True
    rare = masks.copy()
    rare[2, 0, 0] = True
    split = DrawnSplit(tmp_path, [pack_masks(one) for one in (masks, masks, rare, masks)])
    (chosen,) = images_to_calibrate_int8(split, 1, "multilabel")
    np.testing.assert_array_equal(chosen, image(24, 31, 2))
    assert masks_of(split.labels(2), "multilabel", 3)[2].sum() == 1


@pytest.mark.parametrize(
    ("dtype", "name"), [(np.uint8, "UINT8"), (np.uint16, "UINT16"), (np.uint64, "UINT64")]
)
def test_triton_is_told_the_type_of_labels(dtype: type[np.unsignedinteger], name: str) -> None:
    graph = tiny_graph(0, 3, task="multilabel")
    kind = onnx.helper.np_dtype_to_tensor_dtype(np.dtype(dtype))
    graph.graph.output[0].CopyFrom(onnx.helper.make_tensor_value_info("labels", kind, ["N", "H", "W"]))
    config = triton_model_config("team", graph, TritonServing(batch=2, size_hw=(8, 8)))
    assert f'name: "labels" data_type: TYPE_{name} dims: [ -1, -1 ]' in config
