"""Runtimes by name."""

from pathlib import Path
from typing import Final, assert_never

from seg.engine.runtimes import nvidia
from seg.engine.runtimes.base import Runtime, Streams
from seg.engine.runtimes.decoder_cut import cut_at_decoder
from seg.engine.runtimes.hardware import usable_cores, usual_streams
from seg.engine.runtimes.openvino_runtime import OpenVinoRuntime, openvino_is_usable
from seg.engine.runtimes.ort import OrtRuntime
from seg.engine.runtimes.tensorrt_runtime import PlanRuntime
from seg.errors import ModelError
from seg.spec.prediction import RuntimeName

GPU_BATCH: Final = 8


def open_runtime(
    model: Path,
    name: RuntimeName,
    streams: Streams | None = None,
    temperature: float = 1.0,
    *,
    to_decoder: bool = False,
) -> Runtime:
    """Load a model on the runtime of that name, or not at all.

    Args:
        temperature: what its logits are divided by.
        to_decoder: let it answer where its decoder ends; see `seg.engine.runtimes.decoder_cut`.

    Raises:
        MissingRuntimeError: that runtime is not here.
        ModelError: the runtime cannot load the model.
    """
    streams = streams or usual_streams(usable_cores())
    match name:
        case "cpu" | "cuda" | "tensorrt":
            content = cut_at_decoder(model) if to_decoder else None
            return OrtRuntime(model, name, streams, temperature, content)
        case "tensorrt-plan":
            if to_decoder:
                raise ModelError(f"{model}: its plan is whole and cannot be cut: say merge_at: image")
            return PlanRuntime(model, streams, temperature)
        case "openvino":
            return OpenVinoRuntime(model, "f32", streams, temperature, to_decoder=to_decoder)
        case "openvino-bf16":
            return OpenVinoRuntime(model, "bf16", streams, temperature, to_decoder=to_decoder)
        case _:
            assert_never(name)


def usual_batch(name: RuntimeName) -> int:
    """A core's cache holds one image, and more gain nothing there; a GPU wants many."""
    return GPU_BATCH if name in ("cuda", "tensorrt", "tensorrt-plan") else 1


def usable_runtimes() -> tuple[RuntimeName, ...]:
    """Those that this machine can be expected to run, the reference first.

    TensorRT is not among them: to build its engines takes minutes, which nobody asked for.
    """
    usable: dict[RuntimeName, bool] = {
        "cpu": True,
        "cuda": nvidia.is_usable("cuda"),
        "openvino": openvino_is_usable("f32"),
        "openvino-bf16": openvino_is_usable("bf16"),
    }
    return tuple(name for name, here in usable.items() if here)
