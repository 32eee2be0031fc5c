"""TensorRT's own runtime, on the plan that `seg export --format tensorrt` left beside the model."""

from pathlib import Path
from queue import SimpleQueue
from typing import Final

from seg.engine.runtimes.base import ImagesNHWC, Placement, ProbabilitiesNCHW, Runtime, RuntimeInfo, Streams
from seg.engine.runtimes.cuda_device import gpu_of, load_cuda
from seg.engine.runtimes.tensorrt_library import load_library
from seg.engine.runtimes.tensorrt_plan import BUILD, load_plan
from seg.engine.runtimes.tensorrt_plan_file import as_text
from seg.engine.runtimes.tensorrt_stream import GpuStream
from seg.errors import MissingRuntimeError, ModelError
from seg.spec.prediction import RuntimeName

NAME: Final[RuntimeName] = "tensorrt-plan"


class PlanRuntime(Runtime):
    """A plan on its GPU, where each stream has memory of its own; a batch waits for one that is idle."""

    def __init__(self, model: Path, streams: Streams, temperature: float = 1.0) -> None:
        """Of the plan beside `model` that was built for this TensorRT, GPU and temperature.

        Raises:
            MissingRuntimeError: TensorRT, CUDA's bindings or a GPU are not here, or it has no room.
            ModelError: there is no such plan, or it is not the one that was built.
        """
        try:
            library, cuda = load_library("tensorrt"), load_cuda()
            gpu = gpu_of(cuda)
        except MissingRuntimeError as error:
            raise MissingRuntimeError(
                f"runtime {NAME}: not usable here: {error}: or say runtime: cuda"
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
                f"{self._plan.path}: takes batches of {self._plan.profile} (least, usual, most), and here is"
                f" one of {as_text(shape[:3])}: build it with other sizes or batch in export.plan: {BUILD}"
            )

    def placement(self, _: ImagesNHWC) -> Placement:
        return Placement({"TensorRT": self._plan.engine.num_layers})

    def describe(self) -> RuntimeInfo:
        return self._info
