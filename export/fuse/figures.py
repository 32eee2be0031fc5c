"""A fused model against its members, called one by one: size, nodes, time."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Final, NamedTuple

import numpy as np

from seg.export.fuse.check import open_onnx_session
from seg.image_type import ImageHWB, fused_image_type
from seg.models.model_file import INPUT, read_model_card
from seg.models.safety import external_weights_beside, load_safe_onnx
from seg.spec import EnsembleSpec
from seg.views import SYMMETRIES

ROUNDS: Final = 3


class FusionFigures(NamedTuple):
    """`milliseconds` are those of one image on the CPU; for members, of their networks without any merge."""

    megabytes: float
    nodes: int
    milliseconds: float


def compare_fused_with_members(
    path: Path, spec: EnsembleSpec, image_hwc: ImageHWB
) -> tuple[FusionFigures, FusionFigures]:
    """Those of the fused model, and of all its members together."""
    models = [spec.model(member) for member in spec.running]
    fused_ms, members_ms = _time_fused_and_members(path, spec, image_hwc)
    return (
        FusionFigures(_megabytes_of_model(path), _number_of_nodes(path), fused_ms),
        FusionFigures(sum(map(_megabytes_of_model, models)), sum(map(_number_of_nodes, models)), members_ms),
    )


def _megabytes_of_model(model: Path) -> float:
    files = [model, *(model.parent / name for name in external_weights_beside(load_safe_onnx(model)))]
    return sum(file.stat().st_size for file in files) / 1e6


def _number_of_nodes(model: Path) -> int:
    return len(load_safe_onnx(model).graph.node)


def _time_fused_and_members(path: Path, spec: EnsembleSpec, image_hwc: ImageHWB) -> tuple[float, float]:
    """In turns, and the least of a few rounds, as disturbances only add."""
    fused = open_onnx_session(path)
    models = [(spec.model(member), spec.views_of(member)) for member in spec.running]
    types = [read_model_card(model).input.image_type for model, _ in models]
    fused_nhwc = fused_image_type(types).convert(image_hwc[None])
    members = [
        (open_onnx_session(model), views, image_type.convert(image_hwc[None]))
        for (model, views), image_type in zip(models, types, strict=True)
    ]

    def run_fused() -> None:
        fused.run(None, {INPUT: fused_nhwc})

    def run_members() -> None:
        for session, views, upright_nhwc in members:
            for view in views:
                turns = SYMMETRIES[view].transposes
                seen_nhwc = upright_nhwc.transpose(0, 2, 1, 3) if turns else upright_nhwc
                session.run(None, {INPUT: np.ascontiguousarray(seen_nhwc)})

    rounds = [(_milliseconds_of_run(run_fused), _milliseconds_of_run(run_members)) for _ in range(ROUNDS)]
    fused_ms, members_ms = map(min, zip(*rounds, strict=True))
    return fused_ms, members_ms


def _milliseconds_of_run(work: Callable[[], None]) -> float:
    start = time.perf_counter()
    work()
    return (time.perf_counter() - start) * 1e3
