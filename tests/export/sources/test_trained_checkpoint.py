"""A checkpoint of `seg train` as a member's `checkpoint`: fed as its card says."""

from pathlib import Path

import numpy as np
import onnxruntime
import pytest
import torch

from seg.errors import ModelError
from seg.export.sources.export_source import export_source
from seg.export.sources.open_source import open_source
from seg.pixel_range import PixelRange
from seg.spec import DatasetSpec, ExportSpec, MemberSpec
from seg.train.networks.checkpoint import load_checkpoint, save_checkpoint
from seg.train.networks.segmenter import Segmenter
from tests.export.untrained import CLASSES, checkpoint, image


def member(path: Path, **declared: object) -> MemberSpec:
    return MemberSpec.model_validate({"name": "x", "checkpoint": str(path), **declared})


@pytest.mark.slow
@pytest.mark.parametrize("size_hw", [None, (64, 96)])
def test_it_predicts_what_its_training_saw(size_hw: tuple[int, int] | None, tmp_path: Path) -> None:
    trained = checkpoint(tmp_path, "fpn", size_hw)
    source = open_source(member(trained))
    assert source.facts.names == tuple(one.name for one in CLASSES)
    model = tmp_path / "m.onnx"
    images = [image(70, 100, seed) for seed in range(2)]
    data = DatasetSpec(unlabelled="ignore")
    card = export_source(member(trained), source, model, CLASSES, data, images, ExportSpec())
    network, own = load_checkpoint(trained)
    assert (card.input.mode, card.input.size_hw) == (own.input.mode, size_hw)
    with torch.no_grad():
        expected = Segmenter(network, own.input)(torch.from_numpy(np.stack(images))).softmax(1).numpy()
    session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
    np.testing.assert_allclose(session.run(None, {"image": np.stack(images)})[0], expected, atol=1e-4)


def test_it_says_its_network_itself(tmp_path: Path) -> None:
    trained = checkpoint(tmp_path, "fpn")
    with pytest.raises(ModelError, match="says its network itself: remove 'encoder'"):
        open_source(member(trained, encoder="resnet18"))


def test_images_of_other_bands_are_refused(tmp_path: Path) -> None:
    network, card = load_checkpoint(checkpoint(tmp_path, "fpn"))
    ranged = card.input.model_copy(update={"pixel_range": PixelRange(range=(0, 4095))})
    save_checkpoint(tmp_path / "bands.safetensors", network, card.model_copy(update={"input": ranged}))
    with pytest.raises(ModelError, match="trained on images of other bands"):
        open_source(member(tmp_path / "bands.safetensors"))
