"""What ONNX Runtime needs to run on an NVIDIA device, and what is said where it is missing."""

import contextlib
import importlib.util
import io
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import takewhile
from pathlib import Path
from typing import Any, Final

from seg.engine.runtimes.gpu_libraries import GpuProvider, load_libraries
from seg.errors import MissingRuntimeError, OutputError
from seg.spec.prediction import RuntimeName

PROVIDERS: Final[dict[GpuProvider, str]] = {
    "cuda": "CUDAExecutionProvider",
    "tensorrt": "TensorrtExecutionProvider",
}

VISIBLE: Final = "CUDA_VISIBLE_DEVICES"
DEVICES: Final = Path("/dev")
DRIVER: Final = Path("/proc/driver/nvidia")
WSL2: Final = Path("/dev/dxg")
"""Where Windows hands its GPU on to Linux."""

_NEEDS: Final[dict[GpuProvider, str]] = {
    "cuda": "it needs an NVIDIA driver, and CUDA with cuDNN (pip install 'seg[cuda]'; seg doctor says what is"
    " missing); or say runtime: cpu",
    "tensorrt": "it needs what runtime: cuda needs, and the libraries of TensorRT 10; or say runtime: cuda",
}


@dataclass(frozen=True, slots=True)
class CudaOptions:
    """How ONNX Runtime uses a device for one model.

    Attributes:
        fixed_shapes: batches are all of one size. Algorithms of convolutions are then tried out, once; else
            they are chosen by rule, as to try them takes seconds for each new size.
        channels_last: prefer kernels that keep channels last, which suits half precision on some devices.
        memory: the bytes of the device that the model may take; by default what it likes.
    """

    fixed_shapes: bool = False
    channels_last: bool = False
    memory: int | None = None

    def provider_options(self) -> dict[str, str]:
        """By ONNX Runtime's names.

        Source: ONNX Runtime, CUDA execution provider, configuration options.
        """
        options = {
            "cudnn_conv_algo_search": "EXHAUSTIVE" if self.fixed_shapes else "HEURISTIC",
            "prefer_nhwc": "1" if self.channels_last else "0",
            # By default it takes twice as much whenever it needs more.
            "arena_extend_strategy": "kSameAsRequested",
        }
        return options if self.memory is None else options | {"gpu_mem_limit": str(self.memory)}


USUAL: Final = CudaOptions()


def providers_of(name: GpuProvider, options: CudaOptions) -> list[tuple[str, dict[str, Any]]]:
    """What a session is asked for, the first first; no CPU among them, so that nothing falls back to it.

    TensorRT keeps its engines and timings in the user's cache folder, named by graph, shapes and device.
    """
    cuda = (PROVIDERS["cuda"], options.provider_options())
    if name == "cuda":
        return [cuda]
    cache = _engine_folder()
    try:
        cache.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(
            f"{cache}: the cache of TensorRT's engines cannot be written: {error.strerror}: name a folder for"
            " caches that can, by XDG_CACHE_HOME"
        ) from error
    of_tensorrt = {
        "trt_engine_cache_enable": True,
        "trt_engine_cache_path": str(cache),
        "trt_timing_cache_enable": True,
        "trt_timing_cache_path": str(cache),
    }
    return [(PROVIDERS["tensorrt"], of_tensorrt), cuda]


def is_usable(name: GpuProvider) -> bool:
    """Whether ONNX Runtime has the provider and this machine a device for it; libraries may be missing."""
    return _is_built_in(name) and has_device()


def has_device() -> bool:
    """Whether an NVIDIA driver shows a device, or WSL2 hands one on, which has files of its own."""
    return any(DEVICES.glob("nvidia[0-9]*")) or (DRIVER / "version").exists() or WSL2.exists()


def device_models() -> tuple[str, ...]:
    """The models of this machine's devices, as far as the driver shows them."""
    said = (path.read_text(encoding="utf-8") for path in sorted(DRIVER.glob("gpus/*/information")))
    lines = (line.partition(":") for text in said for line in text.splitlines())
    return tuple(value.strip() for key, _, value in lines if key == "Model")


def visible_devices() -> tuple[str, ...]:
    """The devices that this process may use, each as CUDA_VISIBLE_DEVICES would name it alone.

    Source: NVIDIA, CUDA Programming Guide, environment variables: what comes behind a name that is none
    is not visible.
    """
    said = os.environ.get(VISIBLE)
    if said is not None:
        return tuple(takewhile(_is_name, (name.strip() for name in said.split(","))))
    return tuple(map(str, range(_count_devices())))


def is_needed(runtimes: Iterable[RuntimeName]) -> bool:
    """Whether any of these runs on an NVIDIA device."""
    return any(runtime in (*PROVIDERS, "tensorrt-plan") for runtime in runtimes)


def prepare(name: GpuProvider) -> None:
    """Let a session find the libraries of CUDA and TensorRT in the environment, where pip put them.

    Raises:
        MissingRuntimeError: there is no device, or this ONNX Runtime lacks the provider.
    """
    import onnxruntime

    if not has_device():
        raise missing(name, "no NVIDIA device is visible")
    if not _is_built_in(name):
        raise missing(name, f"this ONNX Runtime was built without {PROVIDERS[name]}")
    load_libraries(name)
    if importlib.util.find_spec("nvidia"):
        # It prints what it does not find; the session says the same as an error.
        with contextlib.redirect_stdout(io.StringIO()):
            onnxruntime.preload_dlls()


def missing(name: GpuProvider, reason: str) -> MissingRuntimeError:
    return MissingRuntimeError(f"runtime {name}: not usable here: {reason}: {_NEEDS[name]}")


@contextlib.contextmanager
def failures_in_one_line(name: RuntimeName) -> Iterator[None]:
    """A device that has no room for a batch, or fails, is no defect of ours; a failure on the CPU is.

    Raises:
        MissingRuntimeError: for whatever ONNX Runtime raises, whose exceptions have no common base.
    """
    try:
        yield
    except Exception as error:
        if name == "cpu":
            raise
        reason = str(error).splitlines()[0]
        raise MissingRuntimeError(
            f"runtime {name}: the device failed: {reason}: say a smaller batch_size, or runtime: cpu"
        ) from error


def _is_built_in(name: GpuProvider) -> bool:
    import onnxruntime

    return PROVIDERS[name] in onnxruntime.get_available_providers()


def _is_name(name: str) -> bool:
    return name.isdecimal() or name.startswith(("GPU-", "MIG-"))


def _count_devices() -> int:
    """The driver's own list tells of those, too, that nobody has opened yet."""
    return len([*DEVICES.glob("nvidia[0-9]*")] or [*DRIVER.glob("gpus/*")]) or int(WSL2.exists())


def _engine_folder() -> Path:
    home = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(home) / "seg" / "tensorrt"
