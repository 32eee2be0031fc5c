"""Exported networks cut where their decoders end, against the networks in PyTorch."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
import onnx
import pytest
import torch
from numpy.typing import NDArray
from onnx import helper
from torch import Tensor, nn

from seg.data.images.images import write_image
from seg.engine import Ensemble
from seg.engine.jobs.fingerprint import ensemble_fingerprint
from seg.engine.jobs.predict import run_ensemble
from seg.engine.resolved import resolve_ensemble
from seg.engine.runtimes.decoder_cut import cut_at_decoder, find_decoder
from seg.engine.runtimes.openvino.runtime import openvino_is_usable
from seg.errors import ModelError, OutputError
from seg.export.export import export_checkpoint
from seg.export.onnx_file.exported_model import ExportedModel
from seg.export.onnx_file.to_onnx import write_onnx
from seg.export.precision.half import model_in_half_precision
from seg.labels.label_map import ImageHWC, ProbabilitiesCHW
from seg.models.card import CARD_KEY
from seg.models.model_file import read_model_card
from seg.spec import EnsembleSpec, load_ensemble
from seg.train.networks.checkpoint import load_checkpoint
from seg.train.networks.segmenter import Segmenter
from tests.export.untrained import CLASSES, checkpoint, image

pytestmark = pytest.mark.slow

UPSAMPLING: Final = {"fpn": 4, "unet": 1, "deeplabv3": 8}
SHARP: Final = 0.1
"""A temperature at which untrained networks are sure of themselves."""

Models = dict[str, Path]


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Models:
    """Exported models by architecture, whose checkpoints lie beside them."""
    found = {}
    for architecture in UPSAMPLING:
        folder = tmp_path_factory.mktemp(architecture)
        path = checkpoint(folder, architecture, encoder="resnet18")
        export_checkpoint(path, folder / "model.onnx", [image(70, 100)])
        found[architecture] = folder / "model.onnx"
    return found


def spec_of(folder: Path, models: Models, names: Sequence[str], **options: Any) -> EnsembleSpec:
    """Members of those architectures, the first of the least weight, merged at their decoders."""
    write_image(folder / "images/0.png", image(40, 56))
    categories = [{"id": c.id, "name": c.name} for c in CLASSES]
    (folder / "train.json").write_text(json.dumps({"images": [], "categories": categories}))
    spec = {
        "data": {"train": {"images": "images", "annotations": "train.json"}, "val": {"images": "images"}},
        "members": [
            {"name": name, "model": str(models[name]), "weight": 1 + number, "temperature": SHARP}
            for number, name in enumerate(names)
        ],
        "merge_at": "decoder",
        "runtime": "cpu",
    }
    (folder / "spec.yaml").write_text(json.dumps(spec | options))
    return load_ensemble(folder / "spec.yaml")


def at_image(spec: EnsembleSpec) -> EnsembleSpec:
    return spec.model_copy(update={"merge_at": "image"})


def probabilities(spec: EnsembleSpec, image_hwc: ImageHWC) -> ProbabilitiesCHW:
    return Ensemble.load(spec).predict(image_hwc).probabilities


@pytest.mark.parametrize("architecture", UPSAMPLING)
def test_a_graph_is_cut_where_its_decoder_ends(models: Models, architecture: str) -> None:
    model = models[architecture]
    decoder = find_decoder(model, read_model_card(model))
    assert decoder.upsampling == UPSAMPLING[architecture]
    content = cut_at_decoder(model)
    assert (content is None) == (decoder.upsampling == 1)
    if content is not None:
        cut = onnx.load_from_string(content)
        onnx.checker.check_model(cut, full_check=True)
        assert not {node.op_type for node in cut.graph.node[-3:]} & {"Resize", "Slice"}


@pytest.mark.parametrize("architecture", UPSAMPLING)
@pytest.mark.parametrize("size_hw", [(64, 96), (32, 32)])
def test_a_cut_graph_returns_what_the_network_s_decoder_ends_in(
    models: Models, architecture: str, size_hw: tuple[int, int], tmp_path: Path
) -> None:
    (member,) = Ensemble.load(spec_of(tmp_path, models, [architecture])).members
    image_hwc = image(*size_hw)
    np.testing.assert_allclose(
        member.runtime.run(image_hwc[None])[0], outputs_by_hand(models[architecture], image_hwc), atol=2e-4
    )


def outputs_by_hand(model: Path, image_hwc: ImageHWC) -> NDArray[np.float32]:
    """Probabilities where the decoder ends, `[C, h, w]`, of an image whose sides are multiples of 32."""
    network, card = load_checkpoint(model.with_name("model.safetensors"))
    head = network.get_submodule("segmentation_head")
    head.register_module("1", nn.Identity())
    rgb = torch.from_numpy(image_hwc).float().permute(2, 0, 1)[None] / 255
    mean, std = (torch.tensor(v).view(1, 3, 1, 1) for v in (card.input.mean, card.input.std))
    with torch.no_grad():
        logits: Tensor = network((rgb - mean) / std)
    return np.asarray((logits / SHARP).softmax(1)[0].numpy())


@pytest.mark.skipif(not openvino_is_usable("f32"), reason="OpenVINO is not installed")
def test_runtimes_agree(models: Models, tmp_path: Path) -> None:
    spec = spec_of(tmp_path, models, list(UPSAMPLING), views="hflip")
    other = spec.model_copy(update={"runtime": "openvino"})
    image_hwc = image(70, 100)
    np.testing.assert_allclose(probabilities(other, image_hwc), probabilities(spec, image_hwc), atol=2e-3)


def test_half_precision_is_cut_too(models: Models, tmp_path: Path) -> None:
    network, card = load_checkpoint(models["fpn"].with_name("model.safetensors"))
    half = model_in_half_precision(ExportedModel(Segmenter(network, card.input)))
    write_onnx(half, card, tmp_path / "half.onnx")
    files = {"half": tmp_path / "half.onnx", "full": models["fpn"]}
    half_chw, full_chw = (
        probabilities(
            spec_of(tmp_path, models, [], members=[{"name": name, "model": str(file)}]), image(64, 96)
        )
        for name, file in files.items()
    )
    np.testing.assert_allclose(half_chw, full_chw, atol=5e-3)
    assert not np.array_equal(half_chw, full_chw)


def test_it_says_where_each_member_is_merged(models: Models, tmp_path: Path) -> None:
    spec = spec_of(tmp_path, models, list(UPSAMPLING))
    (note,) = Ensemble.load(spec).notes
    assert "fpn at 1/4, unet at 1/1, deeplabv3 at 1/8 of" in note
    assert Ensemble.load(at_image(spec)).notes == ()


def test_another_place_is_another_ensemble(models: Models, tmp_path: Path) -> None:
    spec = spec_of(tmp_path, models, ["fpn"])
    at_decoder, at_images = (ensemble_fingerprint(resolve_ensemble(one)) for one in (spec, at_image(spec)))
    assert at_decoder != at_images
    run_ensemble(spec)
    with pytest.raises(OutputError, match="--restart"):
        run_ensemble(at_image(spec))


def changed(model: Path, folder: Path, name: str, value: Any) -> Path:
    """The model with another attribute in its last upsampling."""
    graph = onnx.load(model)
    resize = next(node for node in reversed(graph.graph.node) if node.op_type == "Resize")
    (attribute,) = [one for one in resize.attribute if one.name == name]
    attribute.CopyFrom(helper.make_attribute(name, value))
    onnx.save(graph, folder / "changed.onnx")
    return folder / "changed.onnx"


def test_an_ending_that_cannot_be_cut_is_refused(models: Models, tmp_path: Path) -> None:
    model = changed(models["fpn"], tmp_path, "coordinate_transformation_mode", "half_pixel")
    with pytest.raises(ModelError, match=r"changed\.onnx: upsamples .* set merge_at: image"):
        Ensemble.load(spec_of(tmp_path, {"fpn": model}, ["fpn"]))


def test_a_model_of_its_own_size_is_refused(models: Models, tmp_path: Path) -> None:
    graph = onnx.load(models["fpn"])
    (entry,) = [one for one in graph.metadata_props if one.key == CARD_KEY]
    card = read_model_card(models["fpn"])
    resized = card.input.model_copy(update={"mode": "resize", "size_hw": (64, 64)})
    entry.value = card.model_copy(update={"input": resized}).model_dump_json()
    onnx.save(graph, tmp_path / "resized.onnx")
    with pytest.raises(ModelError, match=r"resized\.onnx: resizes images"):
        Ensemble.load(spec_of(tmp_path, {"fpn": tmp_path / "resized.onnx"}, ["fpn"]))
