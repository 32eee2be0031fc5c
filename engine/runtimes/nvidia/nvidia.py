"""ONNX Runtime on NVIDIA devices: detection, provider options, and errors if something is missing."""

import contextlib
import importlib.util
import io
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import takewhile
from pathlib import Path
from typing import Any, Final

from seg.distribution import install_advice
from seg.engine.runtimes.nvidia.gpu_libraries import GpuProvider, load_gpu_libraries
from seg.errors import MissingRuntimeError, OutputError
from seg.spec.ensemble.prediction import RuntimeName

PROVIDERS: Final[dict[GpuProvider, str]] = {
    "cuda": "CUDAExecutionProvider",
    "tensorrt": "TensorrtExecutionProvider",
}

VISIBLE_DEVICES: Final = "CUDA_VISIBLE_DEVICES"
DEVICES: Final = Path("/dev")
DRIVER: Final = Path("/proc/driver/nvidia")
WSL2: Final = Path("/dev/dxg")
"""The device file by which Windows passes its GPU on to Linux."""

_REQUIREMENTS: Final[dict[GpuProvider, str]] = {
    "cuda": "it needs an NVIDIA driver, and CUDA with cuDNN"
    f" ({install_advice('cuda')}; seg doctor says what is missing); or set runtime: cpu",
    "tensorrt": "it needs what runtime: cuda needs, and the libraries of TensorRT 10; or set runtime: cuda",
}


@dataclass(frozen=True, slots=True)
class CudaOptions:
    """Options of ONNX Runtime's CUDA provider for one model.

    Attributes:
        fixed_shapes: all batches have one size. Convolution algorithms are then timed, once; else they are
            chosen by heuristics, since timing takes seconds for each new size.
        channels_last: prefer kernels with channels last, which are faster in half precision on some devices.
        memory: the most bytes of device memory for the model; by default no limit.
    """

    fixed_shapes: bool = False
    channels_last: bool = False
    memory: int | None = None

    def provider_options(self) -> dict[str, str]:
        """The options by ONNX Runtime's names.

        Source: ONNX Runtime, CUDA execution provider, configuration options.
        """
        options = {
            "cudnn_conv_algo_search": "EXHAUSTIVE" if self.fixed_shapes else "HEURISTIC",
            "prefer_nhwc": "1" if self.channels_last else "0",
            # By default the arena doubles whenever it grows.
            "arena_extend_strategy": "kSameAsRequested",
        }
        return options if self.memory is None else options | {"gpu_mem_limit": str(self.memory)}


DEFAULT_OPTIONS: Final = CudaOptions()


def nvidia_session_providers(name: GpuProvider, options: CudaOptions) -> list[tuple[str, dict[str, Any]]]:
    """The providers of a session, in order. The CPU is not among them, so that nothing falls back to it.

    TensorRT keeps its engines and timings in the user's cache folder, named by graph, shapes and device.

    Raises:
        OutputError: that folder cannot be written.
    """
    cuda = (PROVIDERS["cuda"], options.provider_options())
    if name == "cuda":
        return [cuda]
    cache = _tensorrt_engine_folder()
    try:
        cache.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(
            f"{cache}: the cache of TensorRT's engines cannot be written: {error.strerror}:"
            " set XDG_CACHE_HOME to a folder that can be written"
        ) from error
    of_tensorrt = {
        "trt_engine_cache_enable": True,
        "trt_engine_cache_path": str(cache),
        "trt_timing_cache_enable": True,
        "trt_timing_cache_path": str(cache),
    }
    return [(PROVIDERS["tensorrt"], of_tensorrt), cuda]


def is_nvidia_usable(name: GpuProvider) -> bool:
    """Whether ONNX Runtime has the provider and this machine a device; libraries may still be missing."""
    return _is_provider_built_in(name) and has_nvidia_device()


def has_nvidia_device() -> bool:
    """Whether an NVIDIA driver shows a device, or WSL2 passes one on."""
    return any(DEVICES.glob("nvidia[0-9]*")) or (DRIVER / "version").exists() or WSL2.exists()


def nvidia_models() -> tuple[str, ...]:
    """The models of this machine's devices, as far as the driver shows them."""
    texts = (path.read_text(encoding="utf-8") for path in sorted(DRIVER.glob("gpus/*/information")))
    lines = (line.partition(":") for text in texts for line in text.splitlines())
    return tuple(value.strip() for key, _, value in lines if key == "Model")


def visible_nvidia_devices() -> tuple[str, ...]:
    """The devices that this process may use, each as CUDA_VISIBLE_DEVICES would name it alone.

    Source: NVIDIA, CUDA Programming Guide, environment variables: devices listed after an invalid name are
    not visible.
    """
    listed = os.environ.get(VISIBLE_DEVICES)
    if listed is not None:
        return tuple(takewhile(_is_device_name, (name.strip() for name in listed.split(","))))
    return tuple(map(str, range(_count_nvidia_devices())))


def needs_nvidia(runtimes: Iterable[RuntimeName]) -> bool:
    """Whether any of these runs on an NVIDIA device."""
    return any(runtime in (*PROVIDERS, "tensorrt-plan") for runtime in runtimes)


def load_nvidia_provider(name: GpuProvider) -> None:
    """Load the libraries of CUDA and TensorRT from pip's packages, so that a session finds them.

    Raises:
        MissingRuntimeError: there is no device, or this ONNX Runtime was built without the provider.
    """
    import onnxruntime

    if not has_nvidia_device():
        raise nvidia_unusable(name, "no NVIDIA device is visible")
    if not _is_provider_built_in(name):
        raise nvidia_unusable(name, f"this ONNX Runtime was built without {PROVIDERS[name]}")
    load_gpu_libraries(name)
    if importlib.util.find_spec("nvidia"):
        # It prints what it does not find; opening a session raises the same as an error.
        with contextlib.redirect_stdout(io.StringIO()):
            onnxruntime.preload_dlls()


def nvidia_unusable(name: GpuProvider, reason: str) -> MissingRuntimeError:
    return MissingRuntimeError(f"runtime {name}: not usable here: {reason}: {_REQUIREMENTS[name]}")


@contextlib.contextmanager
def nvidia_errors(name: str) -> Iterator[None]:
    """Turn failures of a device, such as too little memory, into one-line errors; not those of the CPU.

    Raises:
        MissingRuntimeError: for any exception of ONNX Runtime; they have no common base.
    """
    try:
        yield
    except Exception as error:
        if name == "cpu":
            raise
        reason = str(error).splitlines()[0]
        raise MissingRuntimeError(
            f"runtime {name}: the device failed: {reason}: set a smaller batch_size, or runtime: cpu"
        ) from error


def _is_provider_built_in(name: GpuProvider) -> bool:
    import onnxruntime

    return PROVIDERS[name] in onnxruntime.get_available_providers()


def _is_device_name(name: str) -> bool:
    return name.isdecimal() or name.startswith(("GPU-", "MIG-"))


def _count_nvidia_devices() -> int:
    """Devices by their files, else by the driver's list, which includes those that were never opened."""
    return len([*DEVICES.glob("nvidia[0-9]*")] or [*DRIVER.glob("gpus/*")]) or int(WSL2.exists())


def _tensorrt_engine_folder() -> Path:
    home = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(home) / "seg" / "tensorrt"
