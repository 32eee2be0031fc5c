"""A GPU made of this machine's memory, and as much of CUDA's runtime and of TensorRT as running a plan takes.

A plan is an ONNX file here, which ONNX Runtime runs on the CPU over the bytes at the addresses that its
context was given. What is put on a stream is done when someone waits for it, not before; who touches memory
that is not allocated, or beyond its end, or a context that is still at work, fails.

It shows that our calls fit together. Of a device, and of what CUDA and TensorRT make of these calls, it
proves nothing. Names and parameters are held to the real libraries where those are installed.
"""
# ruff: noqa: N802, N803, N815 - CUDA's own names

import ctypes
import itertools
from collections.abc import Callable
from dataclasses import dataclass
from enum import IntEnum
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Final

import numpy as np
import pytest
from numpy.typing import NDArray

from seg.engine.runtimes.nvidia.cuda_device import gpu_name
from seg.engine.runtimes.tensorrt.plan_file import PlanProfile
from seg.export.plan_cache import CachedPlan, ensure_plan
from tests.fake_trt import DataType, Logger, Runtime, TensorIOMode, build

PROFILE: Final = PlanProfile((1, 1, 1), (2, 20, 30), (8, 64, 64))


class Error(IntEnum):
    """`cudaError_t`."""

    cudaSuccess = 0
    cudaErrorMemoryAllocation = 2
    cudaErrorNoDevice = 100


class Kind(IntEnum):
    """`cudaMemcpyKind`."""

    cudaMemcpyHostToDevice = 1
    cudaMemcpyDeviceToHost = 2


WORDS: Final = {
    Error.cudaErrorMemoryAllocation: b"out of memory",
    Error.cudaErrorNoDevice: b"no CUDA-capable device is detected",
}


@dataclass
class DeviceProp:
    """`cudaDeviceProp`, so much of it."""

    name: bytes = b""
    major: int = 9
    minor: int = 0


class Stream:
    """`cudaStream_t`: known to TensorRT by its number."""

    def __init__(self, handle: int) -> None:
        self._handle = handle

    def __int__(self) -> int:
        return self._handle


class Cuda:
    """`cuda.bindings.runtime`."""

    cudaError_t = Error
    cudaMemcpyKind = Kind
    cudaStreamNonBlocking = 1

    def __init__(self, gpu: "FakeGpu") -> None:
        self._gpu = gpu

    def cudaGetErrorString(self, error: Error) -> tuple[Error, bytes]:
        return Error.cudaSuccess, WORDS[error]

    def cudaGetDeviceProperties(self, device: int) -> tuple[Error, DeviceProp | None]:
        if device != 0 or not self._gpu.is_there:
            return Error.cudaErrorNoDevice, None
        return Error.cudaSuccess, DeviceProp(self._gpu.name.encode())

    def cudaMalloc(self, size: int) -> tuple[Error, int | None]:
        if self._gpu.allocated + size > self._gpu.size:
            return Error.cudaErrorMemoryAllocation, None
        content = np.full(size, 0xAA, np.uint8)
        self._gpu.memory[content.ctypes.data] = content
        self._gpu.sizes.append(size)
        return Error.cudaSuccess, content.ctypes.data

    def cudaFree(self, devPtr: int) -> tuple[Error]:
        self._gpu.memory.pop(devPtr)
        return (Error.cudaSuccess,)

    def cudaStreamCreateWithFlags(self, flags: int) -> tuple[Error, Stream]:
        assert flags == self.cudaStreamNonBlocking
        stream = Stream(next(self._gpu.handles))
        self._gpu.streams[int(stream)] = []
        return Error.cudaSuccess, stream

    def cudaStreamDestroy(self, stream: Stream) -> tuple[Error]:
        assert not self._gpu.streams.pop(int(stream))
        return (Error.cudaSuccess,)

    def cudaMemcpyAsync(self, dst: int, src: int, count: int, kind: Kind, stream: Stream) -> tuple[Error]:
        def copy() -> None:
            self._gpu.bytes_at(dst if kind is Kind.cudaMemcpyHostToDevice else src, count)
            ctypes.memmove(dst, src, count)

        self._gpu.streams[int(stream)].append(copy)
        return (Error.cudaSuccess,)

    def cudaStreamSynchronize(self, stream: Stream) -> tuple[Error]:
        queue = self._gpu.streams[int(stream)]
        while queue:
            queue.pop(0)()
        return (Error.cudaSuccess,)


class FakeGpu:
    """The device, and the two libraries that speak to it.

    Attributes:
        size: how many bytes it has.
        contexts_left: how many more contexts it has room for.
        memory: what is allocated, by address.
        sizes: of all that was ever allocated, in order.
        streams: what each is still to do, by handle.
        executed: the shapes of the batches that were run.
    """

    def __init__(self, name: str = "Fake 1", version: str = "10.9.0", *, is_there: bool = True) -> None:
        self.name = name
        self.is_there = is_there
        self.size = 2**30
        self.contexts_left = 100
        self.refuses_to_execute = False
        self.memory: dict[int, NDArray[np.uint8]] = {}
        self.sizes: list[int] = []
        self.streams: dict[int, list[Callable[[], None]]] = {}
        self.handles = itertools.count(7)
        self.executed: list[tuple[int, ...]] = []
        self.cuda: Any = Cuda(self)
        self.tensorrt: Any = SimpleNamespace(
            __name__="tensorrt",
            __version__=version,
            ILogger=Logger,
            Runtime=lambda logger: Runtime(self, logger),
            DataType=DataType,
            TensorIOMode=TensorIOMode,
        )

    @property
    def allocated(self) -> int:
        return sum(content.size for content in list(self.memory.values()))

    def bytes_at(self, address: int, count: int) -> NDArray[np.uint8]:
        """So many bytes of memory that is allocated."""
        content = self.memory[address]
        assert count <= content.size
        return content[:count]

    def install(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Let plans run here, on this GPU."""
        monkeypatch.setattr("seg.engine.runtimes.tensorrt.runtime.import_tensorrt", lambda _: self.tensorrt)
        monkeypatch.setattr("seg.engine.runtimes.tensorrt.runtime.load_cuda", lambda: self.cuda)

    def build_beside(
        self, model: Path, profile: PlanProfile = PROFILE, temperature: float = 1.0
    ) -> CachedPlan:
        """What `seg export --format tensorrt` does here, with a builder that leaves the graph as it is."""
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("seg.export.plan_cache.build_plan", build)
            return ensure_plan(model, self.tensorrt, gpu_name(self.cuda), profile, 1, temperature)
