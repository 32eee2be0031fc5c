"""What is not made into one file, and a file that differs from the engine."""

import re
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from numpy.typing import NDArray
from onnx import numpy_helper
from typer.testing import CliRunner

from seg.commands.app import app
from seg.errors import SegError, SpecError, VerificationError
from seg.export.fuse.check import EngineReference, ExpectedFusedOutput, check_fused_model
from seg.export.fuse.fuse import FusionRequest, fuse_ensemble
from seg.export.fuse.output_names import FusedOutput
from seg.export.onnx_file.save import save_onnx_model
from tests.export.ensembles import ensemble, write_ensemble
from tests.export.fused import fused
from tests.export.tiny import CARD, image, model


def three_wrong(images_nhwc: NDArray[np.uint8]) -> dict[str, NDArray[Any]]:
    """A model that labels three pixels of each image otherwise than the engine."""
    labels_nhw = np.zeros(images_nhwc.shape[:3], dtype=np.uint8)
    labels_nhw[:, 0, :3] = 1
    return {"labels": labels_nhw}


def says_tied(count: int) -> EngineReference:
    """The engine, which says that so many of the three are ties."""

    def reference(image_hwc: NDArray[np.uint8]) -> ExpectedFusedOutput:
        labels_hw = np.zeros(image_hwc.shape[:2], dtype=np.uint8)
        tied_hw = np.zeros(labels_hw.shape, dtype=np.bool_)
        tied_hw[0, :count] = True
        confidence_hw = np.zeros(labels_hw.shape, dtype=np.float32)
        return ExpectedFusedOutput(
            labels_hw, confidence_hw[None].repeat(2, 0), tied_hw, confidence_hw, "multiclass"
        )

    return reference


@pytest.mark.parametrize(("exactly", "tied"), [(True, 3), (False, 2), (False, 0)])
def test_ties_are_counted_apart_from_faults(exactly: bool, tied: int) -> None:
    found = check_fused_model(three_wrong, [image(80, 90)], says_tied(tied), stride=32, exactly=exactly)
    images = sum(n for n, _, _ in found.shapes_nhw)
    assert (found.ties, found.faults) == (tied * images, (3 - tied) * images)
    assert found.agreement == 1 - 3 * images / found.pixels


@pytest.mark.parametrize(("exactly", "size_hw"), [(True, (80, 90)), (False, (20, 30))])
def test_faults_are_refused(exactly: bool, size_hw: tuple[int, int]) -> None:
    """In fp32 a single one; in less, where they are more than one pixel in a thousand."""
    with pytest.raises(VerificationError, match="pixels are not the engine's"):
        check_fused_model(three_wrong, [image(*size_hw)], says_tied(2), stride=32, exactly=exactly)


@pytest.mark.parametrize(
    "gives", [(FusedOutput.labels,), (FusedOutput.probabilities,), (FusedOutput.confidence,)]
)
@pytest.mark.parametrize("wrong", ["share", "k1"])
def test_a_file_that_differs_is_not_written(
    wrong: str, gives: tuple[FusedOutput, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As if a member had another weight, or a network another kernel."""
    from seg.export.fuse.compose import compose_fused_graph

    def compose_wrongly(*arguments: Any) -> onnx.ModelProto:
        built = compose_fused_graph(*arguments)
        (tensor,) = [t for t in built.graph.initializer if t.name == f"b/{wrong}"]
        tensor.CopyFrom(numpy_helper.from_array(numpy_helper.to_array(tensor) * np.float32(0.5), tensor.name))
        return built

    monkeypatch.setattr("seg.export.fuse.fuse.compose_fused_graph", compose_wrongly)
    with pytest.raises(VerificationError, match=r"team\.onnx: .* pixels are not the engine's.*not written"):
        fused(tmp_path, gives)
    assert not list(tmp_path.glob("*team.onnx*"))


def test_tiles_stand_around_a_graph(tmp_path: Path) -> None:
    with pytest.raises(SpecError, match="'tile' exclude each other"):
        fused(tmp_path, tile={"size": 16})


def test_scaled_views_are_refused(tmp_path: Path) -> None:
    with pytest.raises(SpecError, match="'views' with a scale exclude each other"):
        fused(tmp_path, views=["identity", "scale0.75"])


def test_members_must_be_exported_and_agree_on_classes(tmp_path: Path) -> None:
    spec = ensemble(tmp_path)
    other = CARD.model_copy(update={"classes": CARD.classes[:2]})
    save_onnx_model(model(), other, tmp_path / "b.onnx")
    with pytest.raises(SegError, match=r"b\.onnx: returns 3 channels and its card has 2 classes"):
        fuse_ensemble(spec, FusionRequest("team"), tmp_path / "team.onnx")
    gold = CARD.classes[0].model_copy(update={"name": "gold"})
    other = CARD.model_copy(update={"classes": (gold, *CARD.classes[1:])})
    save_onnx_model(model(), other, tmp_path / "b.onnx")
    with pytest.raises(SegError, match=r"b\.onnx: was trained for the classes \['gold'"):
        fuse_ensemble(spec, FusionRequest("team"), tmp_path / "team.onnx")
    (tmp_path / "b.onnx").unlink()
    with pytest.raises(SegError, match=r"b\.onnx: there is no such model: export it first"):
        fuse_ensemble(spec, FusionRequest("team"), tmp_path / "team.onnx")


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--fuse", "--member", "a"], "--member is about members"),
        (["--fuse", "--force"], "--force is about members"),
        (["--fuse", "--format", "openvino"], "--format openvino is about members"),
        (["--format", "triton", "--precision", "auto"], "--precision is about members"),
        (["--outputs", "labels"], "add --fuse"),
        (["--fuse", "-o", "x.bin"], r"ends in \.onnx"),
    ],
)
def test_what_has_no_meaning_together_is_refused(options: list[str], said: str, tmp_path: Path) -> None:
    result = CliRunner().invoke(app, ["export", str(write_ensemble(tmp_path)), *options])
    assert isinstance(result.exception, SegError)
    assert re.search(said, str(result.exception))
