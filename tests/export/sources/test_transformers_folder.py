"""Folders of transformers: what they say is taken, their networks compute the semantic map of the library."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from seg.errors import ModelError
from seg.export.sources.export_source import export_source
from seg.export.sources.open_source import open_source
from seg.export.sources.torch_source import TorchSource
from seg.labels.classes import ClassInfo
from seg.spec import DatasetSpec, ExportSpec, MemberSpec
from tests.export.sources.tiny_transformers import CLASSES, FAMILIES, SIDE, write_folder
from tests.export.untrained import image

pytest.importorskip("transformers")


def member(folder: Path, **declared: object) -> MemberSpec:
    return MemberSpec.model_validate({"name": "x", "checkpoint": str(folder), **declared})


def opened(folder: Path) -> TorchSource:
    source = open_source(member(folder))
    assert isinstance(source, TorchSource)
    return source


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("transformers")
    return {family: write_folder(family, folder / family) for family in FAMILIES}


@pytest.mark.slow
@pytest.mark.parametrize("family", FAMILIES)
def test_every_family_is_opened_with_its_own_preprocessing(family: str, folders: dict[str, Path]) -> None:
    source = opened(folders[family])
    assert (source.architecture, source.facts.count, source.facts.size_hw) == (family, CLASSES, (SIDE, SIDE))
    processor = json.loads((folders[family] / "preprocessor_config.json").read_text())
    assert source.facts.mean == (tuple(processor["image_mean"]) if processor.get("do_normalize") else None)
    assert source.facts.channels == ("bgr" if processor.get("do_flip_channel_order") else "rgb")
    raw = source.network(None)(np.zeros((1, 3, SIDE, SIDE), dtype=np.float32))
    assert raw.shape[:2] == (1, CLASSES)


@pytest.mark.parametrize("family", ["maskformer", "mask2former", "eomt"])
def test_masks_become_the_semantic_map_of_the_library(family: str, folders: dict[str, Path]) -> None:
    import transformers

    batch = torch.rand((1, 3, SIDE, SIDE), generator=torch.Generator().manual_seed(0))
    network = transformers.AutoModelForUniversalSegmentation.from_pretrained(folders[family]).eval()
    processor = transformers.AutoImageProcessor.from_pretrained(folders[family])
    with torch.no_grad():
        (expected,) = processor.post_process_semantic_segmentation(
            network(batch), target_sizes=[(SIDE, SIDE)]
        )
    scores = torch.from_numpy(opened(folders[family]).network(None)(batch.numpy()))
    resized = torch.nn.functional.interpolate(scores, (SIDE, SIDE), mode="bilinear", align_corners=False)
    assert float((resized[0].argmax(0) == expected).float().mean()) > 0.999


@pytest.mark.slow
@pytest.mark.parametrize("family", ["segformer", "maskformer"])
def test_the_exported_file_is_the_network(family: str, folders: dict[str, Path], tmp_path: Path) -> None:
    ours = [
        ClassInfo(id=n, name=name, colour=(n, n, n)) for n, name in enumerate(["sky", "road", "car", "tree"])
    ]
    card = export_source(
        member(folders[family]),
        opened(folders[family]),
        tmp_path / "m.onnx",
        ours,
        DatasetSpec(unlabelled="ignore"),
        [image(70, 100, 0)],
        ExportSpec(),
    )
    assert card.verification is not None
    assert card.verification.label_agreement >= 0.999
    assert card.source is not None
    assert card.source.kind == "transformers folder"


def test_labels_of_the_configuration_are_taken_and_numbers_are_not_names(folders: dict[str, Path]) -> None:
    assert opened(folders["segformer"]).facts.names == ("sky", "road", "car", "tree")
    assert opened(folders["beit"]).facts.names == ()
    assert any("do_reduce_labels" in note for note in opened(folders["segformer"]).notes)


def _change(folder: Path, name: str = "config.json", **changes: object) -> None:
    config = json.loads((folder / name).read_text())
    (folder / name).write_text(json.dumps(config | changes))


def _process(folder: Path, **changes: object) -> None:
    _change(folder, "preprocessor_config.json", **changes)


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda f: (f / "config.json").write_text("{"), "config.json: is not JSON"),
        (lambda f: (f / "config.json").unlink(), "config.json: there is no such file"),
        (lambda f: _change(f, model_type="bert"), "is a 'bert' of transformers, and known are beit, "),
        (lambda f: _change(f, num_labels=10**9), "config.json: 'num_labels' is beyond 262144"),
        (lambda f: _change(f, depths=[1, 10**400]), "config.json: 'depths' is beyond 1024"),
        (lambda f: _change(f, depths=[1] * 2000), "config.json: 'depths' is beyond 1024"),
        (lambda f: _change(f, decoder_hidden_size=8), "transformers cannot load it: "),
        (lambda f: _change(f, depths=[1, 1, 2, 1]), "it lacks 'segformer."),
        (lambda f: (f / "model.safetensors").write_bytes(b"{"), "transformers cannot load it: "),
        (lambda f: (f / "model.safetensors").unlink(), "transformers cannot load it: "),
        (lambda f: _process(f, image_mean=["a"] * 3), "processor has a wrong value: could not convert"),
        (lambda f: _process(f, rescale_factor=None), "processor has a wrong value: float"),
        (lambda f: (f / "preprocessor_config.json").write_text("[]"), "image processor cannot be read: "),
    ],
)
def test_a_broken_folder_is_refused_in_one_line(damage, message: str, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    folder = write_folder("segformer", tmp_path / "theirs")
    damage(folder)
    with pytest.raises(ModelError, match=message) as caught:
        opened(folder)
    assert "\n" not in str(caught.value)


def test_without_an_image_processor_the_scale_is_asked_for(tmp_path: Path) -> None:
    folder = write_folder("segformer", tmp_path / "theirs")
    (folder / "preprocessor_config.json").unlink()
    with pytest.raises(ModelError, match="does not say how its pixels are scaled"):
        export_source(
            member(folder),
            opened(folder),
            tmp_path / "m.onnx",
            [],
            DatasetSpec(),
            [image(9, 9, 0)],
            ExportSpec(),
        )
