"""TensorRT on the plan that `seg export --format tensorrt` wrote next to the model."""

from pathlib import Path
from queue import SimpleQueue
from typing import Final

from seg.engine.runtimes.base import ImagesNHWC, Placement, ProbabilitiesNCHW, Runtime, RuntimeInfo, Streams
from seg.engine.runtimes.nvidia.cuda_device import gpu_name, load_cuda
from seg.engine.runtimes.tensorrt.library import import_tensorrt
from seg.engine.runtimes.tensorrt.plan import BUILD, load_plan
from seg.engine.runtimes.tensorrt.plan_file import batch_shape_as_text
from seg.engine.runtimes.tensorrt.stream import GpuStream
from seg.errors import MissingRuntimeError, ModelError
from seg.spec.ensemble.prediction import RuntimeName

NAME: Final[RuntimeName] = "tensorrt-plan"


class PlanRuntime(Runtime):
    """A plan on its GPU. Each stream has its own memory; a batch waits for an idle stream."""

    def __init__(self, model: Path, streams: Streams, temperature: float = 1.0) -> None:
        """Load the plan next to `model` that was built for this TensorRT version, GPU and temperature.

        Raises:
            MissingRuntimeError: TensorRT, CUDA's bindings or a GPU are missing, or its memory is full.
            ModelError: there is no such plan, or its content has changed.
        """
        try:
            library, cuda = import_tensorrt("tensorrt"), load_cuda()
            gpu = gpu_name(cuda)
        except MissingRuntimeError as error:
            raise MissingRuntimeError(
                f"runtime {NAME}: not usable here: {error}: or set runtime: cuda"
            ) from error
        self._plan = load_plan(model, library, gpu, temperature)
        self._idle: SimpleQueue[GpuStream] = SimpleQueue()
        for _ in range(streams.count):
            self._idle.put(GpuStream(self._plan, cuda))
        self._info = RuntimeInfo(
            name=NAME,
            library=f"TensorRT {library.__version__}",
            device=gpu,
            streams=streams,
            whole_batches=True,
        )

    def takes(self, shape: tuple[int, ...]) -> bool:
        count, height, width = shape[:3]
        return self._plan.profile.takes((count, height, width))

    def _infer(self, images_nhwc: ImagesNHWC) -> ProbabilitiesNCHW:
        self._refuse_beyond_the_profile(images_nhwc.shape)
        stream = self._idle.get()
        try:
            return stream.run(images_nhwc)
        except MissingRuntimeError as error:
            raise MissingRuntimeError(f"{self._plan.path}: {error}") from error
        finally:
            self._idle.put(stream)

    def _refuse_beyond_the_profile(self, shape: tuple[int, ...]) -> None:
        if not self.takes(shape):
            raise ModelError(
                f"{self._plan.path}: accepts batches of {self._plan.profile} (smallest, usual, largest), got"
                f" {batch_shape_as_text(shape[:3])}: build it with other sizes or batch in export.plan:"
                f" {BUILD}"
            )

    def placement(self, _: ImagesNHWC) -> Placement:
        return Placement({"TensorRT": self._plan.engine.num_layers})

    def describe(self) -> RuntimeInfo:
        return self._info
