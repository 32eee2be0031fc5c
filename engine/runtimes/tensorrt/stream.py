"""A GPU stream on which a TensorRT plan runs batch after batch."""

import weakref
from collections.abc import Callable
from types import ModuleType
from typing import Any

import numpy as np

from seg.engine.runtimes.base import ImagesNHWC, ProbabilitiesNCHW
from seg.engine.runtimes.nvidia.cuda_device import cuda_result_of
from seg.engine.runtimes.tensorrt.plan import BUILD, LoadedPlan
from seg.errors import MissingRuntimeError
from seg.models.model_file import INPUT, OUTPUT


class DeviceMemory:
    """GPU memory that grows on demand, and is freed with this object."""

    def __init__(self, cuda: ModuleType) -> None:
        self._cuda = cuda
        self._address = 0
        self._size = 0
        self._free: Callable[[], object] = lambda: None

    def reserve(self, size: int) -> int:
        """The address of this many uninitialised bytes.

        Raises:
            MissingRuntimeError: the GPU's memory is full.
        """
        if size > self._size:
            self._free()
            self._size = 0
            try:
                self._address = cuda_result_of(self._cuda, self._cuda.cudaMalloc(size))
            except MissingRuntimeError as error:
                raise MissingRuntimeError(
                    f"the GPU has no room for {size / 2**20:.0f} MiB more: {error}: lower batch_size"
                ) from error
            self._free = weakref.finalize(self, self._cuda.cudaFree, self._address)
            self._size = size
        return self._address


class GpuStream:
    """An execution context of a plan with its own memory, for one batch at a time.

    From TensorRT 10 on, the contexts of a plan may share its profile.
    """

    def __init__(self, plan: LoadedPlan, cuda: ModuleType) -> None:
        """Raises MissingRuntimeError, ModelError: the GPU's memory is full."""
        self._plan = plan
        self._cuda = cuda
        self._context = plan.engine.create_execution_context()
        if self._context is None:
            raise plan.failure("has no room for it", f"lower sizes or batch of export.plan: {BUILD}")
        self._stream = cuda_result_of(cuda, cuda.cudaStreamCreateWithFlags(cuda.cudaStreamNonBlocking))
        weakref.finalize(self, cuda.cudaStreamDestroy, self._stream)
        self._images, self._output = DeviceMemory(cuda), DeviceMemory(cuda)

    def run(self, images_nhwc: ImagesNHWC) -> ProbabilitiesNCHW:
        """Probabilities of a batch within the plan's profile, in a new array.

        Raises:
            MissingRuntimeError: the GPU's memory is full, or it failed.
            ModelError: TensorRT cannot run the plan on it.
        """
        images_nhwc = np.ascontiguousarray(images_nhwc)
        output_nchw = np.empty(self._output_shape(images_nhwc.shape), np.float32)
        images, output = self._images.reserve(images_nhwc.nbytes), self._output.reserve(output_nchw.nbytes)
        self._context.set_tensor_address(INPUT, images)
        self._context.set_tensor_address(OUTPUT, output)
        kinds = self._cuda.cudaMemcpyKind
        self._copy(images, images_nhwc.ctypes.data, images_nhwc.nbytes, kinds.cudaMemcpyHostToDevice)
        has_begun = self._context.execute_async_v3(int(self._stream))
        self._copy(output_nchw.ctypes.data, output, output_nchw.nbytes, kinds.cudaMemcpyDeviceToHost)
        # Until then the GPU may still read and write the host's arrays.
        cuda_result_of(self._cuda, self._cuda.cudaStreamSynchronize(self._stream))
        if not has_begun:
            raise self._plan.failure("cannot run it", f"build it again: {BUILD}")
        return output_nchw

    def _output_shape(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        is_taken = self._context.set_input_shape(INPUT, shape)
        output = tuple(self._context.get_tensor_shape(OUTPUT))
        if not is_taken or (output[0], *output[2:]) != shape[:3]:
            raise self._plan.failure(f"returns {output} for a batch of {shape}", f"build it again: {BUILD}")
        return output

    def _copy(self, target: int, source: int, size: int, way: Any) -> None:
        cuda_result_of(self._cuda, self._cuda.cudaMemcpyAsync(target, source, size, way, self._stream))
