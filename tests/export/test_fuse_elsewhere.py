"""Fused models on what is not ONNX Runtime."""

from pathlib import Path

import numpy as np
import pytest

from seg.engine import Ensemble
from seg.engine.runtimes.tensorrt.plan_file import PlanProfile
from seg.export.fuse.fuse import FusionRequest, fuse_ensemble
from seg.export.fuse.output_names import FusedOutput
from seg.export.tensorrt_builder import build_plan
from tests.export.ensembles import ensemble
from tests.export.tiny import image

MERGES = ["mean", "geometric", "vote"]


@pytest.mark.parametrize("merge", MERGES)
def test_openvino_gives_the_labels_of_the_engine(merge: str, tmp_path: Path) -> None:
    openvino = pytest.importorskip("openvino")
    spec = ensemble(tmp_path, merge=merge)
    fuse_ensemble(spec, FusionRequest("team"), tmp_path / "team.onnx")
    hint = {"INFERENCE_PRECISION_HINT": "f32"}
    compiled = openvino.compile_model(tmp_path / "team.onnx", "CPU", hint)
    engine = Ensemble.load(spec)
    for size_hw in ((24, 31), (31, 24)):
        images = [image(*size_hw, seed) for seed in range(2)]
        labels = compiled(np.stack(images))[0]
        expected = [engine.predict(image_hwc).labels for image_hwc in images]
        np.testing.assert_array_equal(labels, np.stack(expected))


@pytest.mark.parametrize("merge", MERGES)
def test_tensorrt_for_rtx_builds_a_plan_of_it(merge: str, tmp_path: Path) -> None:
    """The builder runs without a GPU; what the plan answers stays unproven there."""
    library = pytest.importorskip("tensorrt_rtx", reason="its builder, which runs on a CPU, is not installed")
    members = [{"name": "a", "model": "a.onnx"}, {"name": "c", "model": "a.onnx", "weight": 2}]
    spec = ensemble(tmp_path, merge=merge, members=members)
    fuse_ensemble(spec, FusionRequest("team", tuple(FusedOutput)), tmp_path / "team.onnx")
    profile = PlanProfile((1, 16, 16), (2, 24, 31), (4, 40, 40))
    assert build_plan(library, tmp_path / "team.onnx", profile, 2**28, b"").plan
