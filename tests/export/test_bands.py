"""Members of bands in the formats that are exported: Triton, OpenVINO, and TensorRT's refusal."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from google.protobuf import text_format
from typer.testing import CliRunner

from seg.commands.app import app
from seg.engine.runtimes.open import open_runtime
from seg.engine.runtimes.tensorrt.plan_file import PlanProfile
from seg.errors import ModelError, SpecError
from seg.export.openvino_ir import write_openvino_ir
from seg.export.plan_cache import ensure_plan
from seg.image_type import ImageType
from tests.engine.tiny_models import write_band_model

model_config_pb2 = pytest.importorskip("tritonclient.grpc.model_config_pb2")

IMAGES = [np.random.default_rng(n).integers(0, 10_000, (30 + n, 43, 5), np.uint16) for n in range(3)]


def team(folder: Path, *types: ImageType) -> Path:
    """An ensemble of members that take these images."""
    (folder / "images").mkdir()
    for number, image in enumerate(IMAGES):
        np.save(folder / f"images/{number}.npy", image)
    models = [write_band_model(folder, number, one) for number, one in enumerate(types)]
    spec = {
        "data": {"val": {"images": "images"}, "range": [0, 10_000]},
        "members": [{"name": path.stem, "model": path.name} for path in models],
        "runtime": "cpu",
    }
    (folder / "team.yaml").write_text(json.dumps(spec))
    return folder / "team.yaml"


def serve(spec: Path, format_: str) -> Path:
    command = ["export", str(spec), "--format", format_, "-o", str(spec.parent / "models")]
    CliRunner().invoke(app, command, catch_exceptions=False)
    return spec.parent / "models/team"


def input_of(folder: Path) -> Any:
    text = (folder / "config.pbtxt").read_text(encoding="utf-8")
    (found,) = text_format.Parse(text, model_config_pb2.ModelConfig()).input
    return found


@pytest.mark.parametrize(
    ("pixels", "type_", "of_triton"),
    [("uint16", onnx.TensorProto.UINT16, "TYPE_UINT16"), ("float32", onnx.TensorProto.FLOAT, "TYPE_FP32")],
)
def test_triton_is_told_the_type_and_the_bands(
    pixels: Any, type_: int, of_triton: str, tmp_path: Path
) -> None:
    folder = serve(team(tmp_path, ImageType(pixels, 5), ImageType(pixels, 2)), "triton")
    found = input_of(folder)
    assert (model_config_pb2.DataType.Name(found.data_type), list(found.dims)) == (of_triton, [-1, -1, 5])
    (value,) = onnx.load(folder / "1/model.onnx").graph.input
    assert value.type.tensor_type.elem_type == type_


def test_a_triton_ensemble_hands_all_members_the_same_image(tmp_path: Path) -> None:
    with pytest.raises(SpecError, match=r"takes uint16 .*--format triton makes one model that takes both"):
        serve(team(tmp_path, ImageType("uint16", 5), ImageType("uint16", 2)), "triton-ensemble")
    (tmp_path / "same").mkdir()
    folder = serve(team(tmp_path / "same", ImageType("uint16", 5), ImageType("uint16", 5)), "triton-ensemble")
    assert list(input_of(folder).dims) == [-1, -1, 5]


def test_openvinos_files_take_the_same_images(tmp_path: Path) -> None:
    pytest.importorskip("openvino")
    model = write_band_model(tmp_path, 1, ImageType("uint16", 5))
    written = write_openvino_ir(model, PlanProfile((1, 30, 43), (1, 30, 43), (1, 30, 43)), IMAGES)
    found = open_runtime(written, "openvino").run(IMAGES[0][None])
    np.testing.assert_allclose(found, open_runtime(model, "cpu").run(IMAGES[0][None]), atol=1e-4)


def test_a_plan_is_for_rgb(tmp_path: Path) -> None:
    model = write_band_model(tmp_path, 1, ImageType("uint16", 5))
    profile = PlanProfile((1, 30, 43), (1, 30, 43), (1, 30, 43))
    with pytest.raises(
        ModelError, match=r"takes uint16 \[H, W, 5\], and a TensorRT plan takes RGB of 8 bits"
    ):
        ensure_plan(model, None, "any", profile, 1.0)  # type: ignore[arg-type]
