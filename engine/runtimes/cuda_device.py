"""The NVIDIA GPU of this process, through CUDA's runtime, which needs no PyTorch.

Source: cuda-bindings; each call gives its status first, then what it is asked for.
"""

import importlib
from types import ModuleType
from typing import Any, Final

from seg.errors import MissingRuntimeError

DEVICE: Final = 0
"""The first that CUDA shows this process; CUDA_VISIBLE_DEVICES says which that is."""


def load_cuda() -> ModuleType:
    """Import CUDA's runtime, or say what to install; raises MissingRuntimeError."""
    try:
        return importlib.import_module("cuda.bindings.runtime")
    except ModuleNotFoundError as error:
        raise MissingRuntimeError("cuda-bindings is not installed: pip install 'seg[tensorrt]'") from error


def given(cuda: ModuleType, answer: tuple[Any, ...]) -> Any:
    """What a call gave beside its status, if anything; raises MissingRuntimeError where it failed."""
    status, *rest = answer
    if status != cuda.cudaError_t.cudaSuccess:
        _, words = cuda.cudaGetErrorString(status)
        raise MissingRuntimeError(f"CUDA says: {words.decode()}")
    return rest[0] if rest else None


def gpu_of(cuda: ModuleType) -> str:
    """The GPU's name and compute capability, which a plan is good for; raises MissingRuntimeError."""
    found = given(cuda, cuda.cudaGetDeviceProperties(DEVICE))
    return f"{found.name.decode()}, compute capability {found.major}.{found.minor}"
