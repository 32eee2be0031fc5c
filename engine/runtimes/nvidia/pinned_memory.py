"""Page-locked host memory, which a GPU reads by itself while the host goes on.

From other memory CUDA copies through a buffer of its own, and the host waits. Source: NVIDIA, CUDA Runtime
API, cudaHostAlloc, and how cudaMemcpyAsync synchronises: ONNX Runtime hands it the address of an input that
lies on the host.
"""

import ctypes
import math
import threading
import weakref
from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seg.engine.runtimes.nvidia.gpu_libraries import gpu_libraries_of
from seg.errors import MissingRuntimeError
from seg.image_type import ImageType

Bytes = NDArray[np.uint8]


def pinned_bytes(size: int) -> Bytes:
    """Uninitialised page-locked memory; ordinary memory where CUDA's runtime is not found.

    Raises:
        MissingRuntimeError: CUDA refuses it.
    """
    cuda = cuda_runtime()
    if cuda is None:
        return np.empty(size, np.uint8)
    address = ctypes.c_void_p()
    status = cuda.cudaHostAlloc(ctypes.byref(address), ctypes.c_size_t(size), ctypes.c_uint(0))
    if status != 0:
        raise MissingRuntimeError(
            f"runtime cuda: {size / 2**20:.0f} MiB of page-locked memory are refused:"
            f" {cuda.cudaGetErrorString(status).decode()}: set a smaller batch_size, or runtime: cpu"
        )
    memory = (ctypes.c_uint8 * size).from_address(address.value or 0)
    # At exit CUDA may be gone before it, and the system frees it anyway.
    weakref.finalize(memory, cuda.cudaFreeHost, address).atexit = False
    return np.ctypeslib.as_array(memory)


class UploadBuffers:
    """A buffer for each thread, in which it fills one batch after the other."""

    def __init__(self, allocate: Callable[[int], Bytes] = pinned_bytes) -> None:
        self._allocate = allocate
        self._thread = threading.local()

    def blank(self, image_type: ImageType, shape: tuple[int, ...]) -> NDArray[Any]:
        """Zeros of a type, `[*shape, B]`, which are valid until the thread's next call."""
        dtype = np.dtype(image_type.pixels)
        full = (*shape, image_type.bands)
        size = math.prod(full) * dtype.itemsize
        batch: NDArray[Any] = self._reserve(size)[:size].view(dtype).reshape(full)
        batch.fill(0)
        return batch

    def _reserve(self, size: int) -> Bytes:
        held: Bytes | None = getattr(self._thread, "held", None)
        if held is None or held.size < size:
            held = self._thread.held = self._allocate(size)
        return held


@cache
def cuda_runtime() -> ctypes.CDLL | None:
    """The library of CUDA's runtime that ONNX Runtime uses."""
    place = next((one.place for one in gpu_libraries_of("cuda") if one.name.startswith("libcudart.")), None)
    if place is None:
        return None
    library = ctypes.CDLL(place)
    library.cudaGetErrorString.restype = ctypes.c_char_p
    return library
