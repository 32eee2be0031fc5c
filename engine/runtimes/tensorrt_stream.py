"""One of the streams of a GPU, on which a plan runs batch after batch."""

import weakref
from collections.abc import Callable
from types import ModuleType
from typing import Any

import numpy as np

from seg.engine.runtimes.base import ImagesNHWC, ProbabilitiesNCHW
from seg.engine.runtimes.cuda_device import given
from seg.engine.runtimes.tensorrt_plan import BUILD, LoadedPlan
from seg.errors import MissingRuntimeError
from seg.model_file import INPUT, OUTPUT


class DeviceMemory:
    """Memory of the GPU that grows to what is asked for, and goes with this object."""

    def __init__(self, cuda: ModuleType) -> None:
        self._cuda = cuda
        self._address = 0
        self._size = 0
        self._free: Callable[[], object] = lambda: None

    def of(self, size: int) -> int:
        """The address of so many bytes, whose content is anything.

        Raises:
            MissingRuntimeError: the GPU has no room for them.
        """
        if size > self._size:
            self._free()
            self._size = 0
            try:
                self._address = given(self._cuda, self._cuda.cudaMalloc(size))
            except MissingRuntimeError as error:
                raise MissingRuntimeError(
                    f"the GPU has no room for {size / 2**20:.0f} MiB more: {error}: lower batch_size"
                ) from error
            self._free = weakref.finalize(self, self._cuda.cudaFree, self._address)
            self._size = size
        return self._address


class GpuStream:
    """A context of a plan with memory of its own, for one batch at a time.

    From TensorRT 10 on, the contexts of a plan may share its profile.
    """

    def __init__(self, plan: LoadedPlan, cuda: ModuleType) -> None:
        """Raises MissingRuntimeError, ModelError: the GPU has no room for another."""
        self._plan = plan
        self._cuda = cuda
        self._context = plan.engine.create_execution_context()
        if self._context is None:
            raise plan.failure("has no room for it", f"lower sizes or batch of export.plan: {BUILD}")
        self._stream = given(cuda, cuda.cudaStreamCreateWithFlags(cuda.cudaStreamNonBlocking))
        weakref.finalize(self, cuda.cudaStreamDestroy, self._stream)
        self._images, self._answers = DeviceMemory(cuda), DeviceMemory(cuda)

    def run(self, images_nhwc: ImagesNHWC) -> ProbabilitiesNCHW:
        """Probabilities of a batch within the plan's profile, in a new array.

        Raises:
            MissingRuntimeError: the GPU has no room, or failed.
            ModelError: TensorRT cannot run the plan on it.
        """
        images_nhwc = np.ascontiguousarray(images_nhwc)
        answers_nchw = np.empty(self._shape_of_answers(images_nhwc.shape), np.float32)
        images, answers = self._images.of(images_nhwc.nbytes), self._answers.of(answers_nchw.nbytes)
        self._context.set_tensor_address(INPUT, images)
        self._context.set_tensor_address(OUTPUT, answers)
        kinds = self._cuda.cudaMemcpyKind
        self._copy(images, images_nhwc.ctypes.data, images_nhwc.nbytes, kinds.cudaMemcpyHostToDevice)
        has_begun = self._context.execute_async_v3(int(self._stream))
        self._copy(answers_nchw.ctypes.data, answers, answers_nchw.nbytes, kinds.cudaMemcpyDeviceToHost)
        # Until then the GPU may still read and write arrays of the host.
        given(self._cuda, self._cuda.cudaStreamSynchronize(self._stream))
        if not has_begun:
            raise self._plan.failure("cannot run it", f"build it again: {BUILD}")
        return answers_nchw

    def _shape_of_answers(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        is_taken = self._context.set_input_shape(INPUT, shape)
        answers = tuple(self._context.get_tensor_shape(OUTPUT))
        if not is_taken or (answers[0], *answers[2:]) != shape[:3]:
            raise self._plan.failure(f"answers a batch of {shape} with {answers}", f"build it again: {BUILD}")
        return answers

    def _copy(self, target: int, source: int, size: int, way: Any) -> None:
        given(self._cuda, self._cuda.cudaMemcpyAsync(target, source, size, way, self._stream))
