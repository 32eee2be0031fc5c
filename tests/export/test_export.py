"""Exported models against PyTorch, at sizes that were never traced."""

from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from numpy.typing import NDArray
from onnx import numpy_helper

from seg.errors import ModelError, VerificationError
from seg.export.export import export_checkpoint, is_exported
from seg.export.onnx_file.exported_model import ExportedModel
from seg.export.onnx_file.save import atomic_model, replace_model_card, save_onnx_model
from seg.export.onnx_file.to_onnx import write_onnx
from seg.files.atomic import sha256_of
from seg.labels.label_map import ImageHWC
from seg.models.card import CARD_KEY, InputCard, ModelCard, parse_model_card
from seg.models.model_file import read_model_card
from seg.spec import ExportSpec
from seg.train.networks.checkpoint import load_checkpoint, save_checkpoint
from tests.export.untrained import CLASSES, checkpoint, image

pytestmark = pytest.mark.slow


def by_hand(path: Path, image_hwc: ImageHWC) -> NDArray[np.float32]:
    """Preprocessing, network and softmax written out once more, apart from the code under test."""
    network, card = load_checkpoint(path)
    height, width = image_hwc.shape[:2]
    rgb = torch.from_numpy(image_hwc).float().permute(2, 0, 1)[None] / 255
    mean, std = (torch.tensor(v).view(1, 3, 1, 1) for v in (card.input.mean, card.input.std))
    if card.input.size_hw is None:
        rgb = torch.nn.functional.pad(rgb, (0, -width % 32, 0, -height % 32), mode="replicate")
    else:
        rgb = torch.nn.functional.interpolate(rgb, card.input.size_hw, mode="bilinear")
    with torch.no_grad():
        logits = network((rgb - mean) / std)
    if card.input.size_hw is None:
        logits = logits[..., :height, :width]
    else:
        logits = torch.nn.functional.interpolate(logits, (height, width), mode="bilinear")
    return np.asarray(logits.softmax(1)[0].numpy(), dtype=np.float32)


def run(model: Path, batch_nhwc: NDArray[np.uint8]) -> NDArray[np.float32]:
    session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
    return np.asarray(session.run(None, {"image": batch_nhwc})[0])


CASES = [("fpn",), ("unet", None, "timm-tf_efficientnet_lite0"), ("deeplabv3plus",), ("pspnet", (64, 96))]


@pytest.fixture(scope="module", params=CASES, ids=lambda case: case[0])
def exported(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A checkpoint and the model it was exported to."""
    folder = tmp_path_factory.mktemp("export")
    path = checkpoint(folder, *request.param)
    export_checkpoint(path, folder / "model.onnx", [image(70, 100, seed) for seed in range(3)])
    return path, folder / "model.onnx"


@pytest.mark.parametrize("size_hw", [(64, 64), (70, 100), (33, 95), (1, 1), (1, 40)])
def test_probabilities_are_those_of_pytorch(exported: tuple[Path, Path], size_hw: tuple[int, int]) -> None:
    path, model = exported
    images = [image(*size_hw, seed) for seed in range(3)]
    answers = run(model, np.stack(images))
    assert answers.shape == (3, len(CLASSES), *size_hw)
    for answer, image_hwc in zip(answers, images, strict=True):
        np.testing.assert_allclose(answer, by_hand(path, image_hwc), atol=2e-4)


def test_the_card_travels_inside(exported: tuple[Path, Path], tmp_path: Path) -> None:
    path, model = exported
    card = read_model_card(model)
    assert card.classes == CLASSES
    assert card.verification is not None
    assert card.verification.label_agreement >= 0.999
    assert len(card.verification.sizes_hw) == 2
    assert is_exported(path, model, ExportSpec())
    (tmp_path / "other.safetensors").write_bytes(path.read_bytes() + b"\0")
    assert not is_exported(tmp_path / "other.safetensors", model, ExportSpec())


def test_temperature_divides_the_logits(exported: tuple[Path, Path], tmp_path: Path) -> None:
    _, model = exported
    graph = onnx.load(model)
    (temperature,) = [t for t in graph.graph.initializer if t.name == "temperature"]
    assert numpy_helper.to_array(temperature) == 1
    temperature.CopyFrom(numpy_helper.from_array(np.array(2, np.float32), "temperature"))
    onnx.save(graph, tmp_path / "warm.onnx")
    batch = image(40, 50)[None]
    cold, warm = run(model, batch), run(tmp_path / "warm.onnx", batch)
    expected = np.sqrt(cold) / np.sqrt(cold).sum(1, keepdims=True)
    np.testing.assert_allclose(warm, expected, atol=1e-5)


def test_nodes_are_called_after_the_modules_they_come_from(exported: tuple[Path, Path]) -> None:
    path, model = exported
    modules = {name for name, _ in load_checkpoint(path)[0].named_modules()}
    names = [node.name for node in onnx.load(model).graph.node]
    assert len(set(names)) == len(names)
    assert {name.rpartition("/")[0] for name in names} <= modules | {"contract"}
    assert "segmentation_head.0/Conv" in names


def test_weights_too_large_for_one_file_lie_beside_it(
    exported: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the limit lowered from 2 GiB to 10 kB."""
    path, model = exported[0], tmp_path / "model.onnx"
    whole, card = onnx.load(exported[1]), read_model_card(exported[1])
    monkeypatch.setattr("seg.export.onnx_file.save.LARGEST_INLINE_BYTES", 10_000)
    for _ in range(2):
        with atomic_model(model) as temporary:
            written = save_onnx_model(onnx.load(exported[1]), card, temporary)
            replace_model_card(temporary, written)
    (beside,) = tmp_path.glob("*.data")
    assert beside.stat().st_size > 0.9 * exported[1].stat().st_size > 10 * model.stat().st_size
    assert read_model_card(model).weights_sha256 == sha256_of(beside)
    assert is_exported(path, model, ExportSpec())
    np.testing.assert_array_equal(run(model, image(40, 50)[None]), run(exported[1], image(40, 50)[None]))
    np.testing.assert_allclose(run(model, image(40, 50)[None])[0], by_hand(path, image(40, 50)), atol=2e-4)

    changed = onnx.load(exported[1])
    largest = max(changed.graph.initializer, key=lambda tensor: len(tensor.raw_data))
    largest.raw_data = bytes(len(largest.raw_data))
    with pytest.raises(VerificationError), atomic_model(model) as temporary:
        save_onnx_model(changed, card, temporary)
        raise VerificationError("as if it did not agree")
    assert sorted(tmp_path.iterdir()) == [model, beside]
    monkeypatch.undo()
    with atomic_model(model) as temporary:
        save_onnx_model(whole, card, temporary)
    assert list(tmp_path.iterdir()) == [model]


def test_a_model_that_differs_is_not_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As if the exporter had got one convolution wrong."""
    path = checkpoint(tmp_path, "fpn")

    def wrong(model: ExportedModel, card: ModelCard, target: Path, opset: int | None) -> ModelCard:
        written = write_onnx(model, card, target, opset)
        graph = onnx.load(target)
        weights = max(graph.graph.initializer, key=lambda t: len(t.raw_data))
        noise = np.random.default_rng(0).normal(0, 1, tuple(weights.dims)).astype(np.float32)
        weights.CopyFrom(numpy_helper.from_array(noise, weights.name))
        onnx.save(graph, target)
        return written

    monkeypatch.setattr("seg.export.export.write_onnx", wrong)
    with pytest.raises(VerificationError, match=r"model\.onnx: label agreement .*%.*largest difference"):
        export_checkpoint(path, tmp_path / "model.onnx", [image(70, 100)])
    assert [p.name for p in tmp_path.iterdir()] == ["model.safetensors"]


def test_a_network_that_is_not_finite_is_not_written(tmp_path: Path) -> None:
    """In values that no weight shows: a batch norm whose variance is negative."""
    path = checkpoint(tmp_path, "linknet", encoder="resnet18")
    network, card = load_checkpoint(path)
    network.get_buffer("encoder.bn1.running_var")[0] = -1.0
    save_checkpoint(path, network, card)
    with pytest.raises(VerificationError, match=r"not finite, from layer '.*encoder\.bn1' on: train it"):
        export_checkpoint(path, tmp_path / "model.onnx", [image(70, 100)])
    assert [p.name for p in tmp_path.iterdir()] == ["model.safetensors"]


def test_what_works_at_one_size_only_is_refused_with_the_fix(tmp_path: Path) -> None:
    path = checkpoint(tmp_path, "upernet", encoder="resnet18")
    with pytest.raises(ModelError, match="mode: resize"):
        export_checkpoint(path, tmp_path / "model.onnx", [image(70, 100)])
    assert not (tmp_path / "model.onnx").exists()


def test_a_card_comes_back_from_json() -> None:
    card = ModelCard(
        name="x",
        architecture="fpn",
        encoder="resnet18",
        classes=CLASSES,
        unlabelled="ignore",
        input=InputCard(mean=(0, 0, 0), std=(1, 1, 1)),
    )
    assert parse_model_card(card.model_dump_json(), CARD_KEY) == card
