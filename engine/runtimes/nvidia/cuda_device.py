"""The NVIDIA GPU of this process, by CUDA's runtime API, without PyTorch.

Source: cuda-bindings; each call returns its status first, then its results.
"""

import importlib
from types import ModuleType
from typing import Any, Final

from seg.distribution import install_advice
from seg.errors import MissingRuntimeError

DEVICE: Final = 0
"""The first device that CUDA_VISIBLE_DEVICES makes visible."""


def load_cuda() -> ModuleType:
    """Import CUDA's runtime, or say what to install; raises MissingRuntimeError."""
    try:
        return importlib.import_module("cuda.bindings.runtime")
    except ModuleNotFoundError as error:
        raise MissingRuntimeError(f"cuda-bindings is not installed: {install_advice('tensorrt')}") from error


def cuda_result_of(cuda: ModuleType, returned: tuple[Any, ...]) -> Any:
    """The result of a call behind its status, if any; raises MissingRuntimeError if the call failed."""
    status, *rest = returned
    if status != cuda.cudaError_t.cudaSuccess:
        _, words = cuda.cudaGetErrorString(status)
        raise MissingRuntimeError(f"CUDA says: {words.decode()}")
    return rest[0] if rest else None


def gpu_name(cuda: ModuleType) -> str:
    """The GPU's name and compute capability, for which a plan is valid; raises MissingRuntimeError."""
    found = cuda_result_of(cuda, cuda.cudaGetDeviceProperties(DEVICE))
    return f"{found.name.decode()}, compute capability {found.major}.{found.minor}"
