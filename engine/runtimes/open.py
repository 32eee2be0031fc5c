"""Opening a model on a runtime by name, and which runtimes are usable here."""

from pathlib import Path
from typing import Final, assert_never

from seg.engine.runtimes.base import Runtime, Streams
from seg.engine.runtimes.decoder_cut import Decoder, cut_at_decoder
from seg.engine.runtimes.hardware import default_streams, usable_cores
from seg.engine.runtimes.nvidia import nvidia
from seg.engine.runtimes.openvino.runtime import OpenVinoRuntime, openvino_is_usable
from seg.engine.runtimes.ort import OrtRuntime
from seg.engine.runtimes.output_contract import OutputContract
from seg.engine.runtimes.tensorrt.runtime import PlanRuntime
from seg.errors import ModelError
from seg.image_type import ImageType
from seg.labels.task import Task
from seg.spec.ensemble.prediction import RuntimeName

GPU_BATCH: Final = 8
"""The default batch size on a GPU; `runtime: auto` measures it instead."""


def open_runtime(
    model: Path,
    name: RuntimeName,
    streams: Streams | None = None,
    temperature: float = 1.0,
    *,
    classes: int | None = None,
    image_type: ImageType | None = None,
    task: Task = "multiclass",
    decoder: Decoder | None = None,
    cuda: nvidia.CudaOptions = nvidia.DEFAULT_OPTIONS,
) -> Runtime:
    """Load a model on the runtime of that name; there is no fallback.

    Args:
        temperature: the divisor of its logits.
        classes: the number of its classes, if known.
        image_type: what it takes, if its card is known, which says what replaces pixels without data.
        task: whether its probabilities sum to 1 over the classes.
        decoder: cut the model at the end of this decoder; see `seg.engine.runtimes.decoder_cut`.
        cuda: options of ONNX Runtime on an NVIDIA device.

    Raises:
        MissingRuntimeError: that runtime is not installed or has no device.
        ModelError: the runtime cannot load the model.
    """
    streams = streams or default_streams(usable_cores())
    runtime = _open_runtime_of_name(model, name, streams, temperature, cuda, to_decoder=decoder is not None)
    runtime.image_type = image_type or runtime.image_type
    runtime.contract = OutputContract(model, classes, decoder, task)
    return runtime


def _open_runtime_of_name(
    model: Path,
    name: RuntimeName,
    streams: Streams,
    temperature: float,
    cuda: nvidia.CudaOptions,
    *,
    to_decoder: bool,
) -> Runtime:
    match name:
        case "cpu" | "cuda" | "tensorrt":
            content = cut_at_decoder(model) if to_decoder else None
            return OrtRuntime(model, name, streams, temperature, content, cuda)
        case "tensorrt-plan":
            if to_decoder:
                raise ModelError(f"{model}: a TensorRT plan cannot be cut: set merge_at: image")
            return PlanRuntime(model, streams, temperature)
        case "openvino":
            return OpenVinoRuntime(model, "f32", streams, temperature, to_decoder=to_decoder)
        case "openvino-bf16":
            return OpenVinoRuntime(model, "bf16", streams, temperature, to_decoder=to_decoder)
        case _:
            assert_never(name)


def default_batch_size(name: RuntimeName) -> int:
    """The default batch size: 1 on a CPU, whose cache holds one image; more on a GPU."""
    return GPU_BATCH if runs_on_gpu(name) else 1


def runs_on_gpu(name: RuntimeName) -> bool:
    """Whether that runtime needs an NVIDIA device."""
    return nvidia.needs_nvidia([name])


def usable_runtimes() -> tuple[RuntimeName, ...]:
    """The runtimes that this machine can be expected to run, the reference first.

    TensorRT is left out: building its engines takes minutes, so it must be asked for by name.
    """
    usable: dict[RuntimeName, bool] = {
        "cpu": True,
        "cuda": nvidia.is_nvidia_usable("cuda"),
        "openvino": openvino_is_usable("f32"),
        "openvino-bf16": openvino_is_usable("bf16"),
    }
    return tuple(name for name, here in usable.items() if here)
