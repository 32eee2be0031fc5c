"""An ensemble of tiny models in one file, and what it says."""

from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from seg.export.fuse.fuse import FusionRequest, fuse_ensemble
from seg.export.fuse.output_names import FusedOutput
from seg.spec import EnsembleSpec
from tests.export.ensembles import ensemble

EVERYTHING = (FusedOutput.labels, FusedOutput.probabilities, FusedOutput.confidence)


def run(path: Path, images_nhwc: NDArray[np.uint8]) -> dict[str, NDArray[Any]]:
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    names = [output.name for output in session.get_outputs()]
    return dict(zip(names, session.run(None, {"image": images_nhwc}), strict=True))


def fused(
    folder: Path, gives: tuple[FusedOutput, ...] = EVERYTHING, **said: Any
) -> tuple[EnsembleSpec, Path]:
    spec = ensemble(folder, **said)
    fuse_ensemble(spec, FusionRequest("team", gives), folder / "team.onnx")
    return spec, folder / "team.onnx"
