"""TensorRT's runtime, and a builder, for `tests.fake_gpu`, which says what these prove and what not."""

import json
from enum import Enum
from math import prod
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import onnx
import onnxruntime
from numpy.typing import NDArray
from onnx import TensorProto, helper

from seg.engine.runtimes.tensorrt.plan_file import PlanProfile
from seg.export.tensorrt_builder import BuiltPlan
from seg.models.temperature import set_temperature_in_graph

if TYPE_CHECKING:
    from tests.fake_gpu import FakeGpu

_PROFILE: Final = "profile"


class DataType(Enum):
    """Of a tensor's elements."""

    FLOAT = TensorProto.FLOAT
    HALF = TensorProto.FLOAT16
    UINT8 = TensorProto.UINT8


class TensorIOMode(Enum):
    """Whether a tensor goes in or comes out."""

    INPUT = 1
    OUTPUT = 2


class Logger:
    """`ILogger`."""

    Severity = SimpleNamespace(INTERNAL_ERROR=0, ERROR=1, WARNING=2)

    def log(self, severity: Any, msg: str) -> None:
        raise NotImplementedError


class Runtime:
    """`Runtime`."""

    def __init__(self, gpu: "FakeGpu", logger: Logger) -> None:
        self._gpu = gpu
        self._logger = logger

    def deserialize_cuda_engine(self, serialized_engine: bytes) -> "Engine | None":
        if serialized_engine.startswith(b"no plan"):
            self._logger.log(Logger.Severity.ERROR, "magic tag\ndoes not match")
            self._logger.log(Logger.Severity.WARNING, "this is only a warning")
            return None
        return Engine(self._gpu, self._logger, serialized_engine)


class Engine:
    """`ICudaEngine`."""

    def __init__(self, gpu: "FakeGpu", logger: Logger, plan: bytes) -> None:
        graph = onnx.load_from_string(plan)
        self._gpu = gpu
        self._logger = logger
        self._inputs = {tensor.name: tensor for tensor in graph.graph.input}
        self._tensors = self._inputs | {tensor.name: tensor for tensor in graph.graph.output}
        self._profile = json.loads(next(e.value for e in graph.metadata_props if e.key == _PROFILE))
        self._session = onnxruntime.InferenceSession(plan, providers=["CPUExecutionProvider"])
        self._layers = len(graph.graph.node)

    @property
    def num_layers(self) -> int:
        return self._layers

    @property
    def num_io_tensors(self) -> int:
        return len(self._tensors)

    def get_tensor_name(self, index: int) -> str:
        return list(self._tensors)[index]

    def get_tensor_mode(self, name: str) -> TensorIOMode:
        return TensorIOMode.INPUT if name in self._inputs else TensorIOMode.OUTPUT

    def get_tensor_dtype(self, name: str) -> DataType:
        return DataType(self._tensors[name].type.tensor_type.elem_type)

    def get_tensor_profile_shape(self, name: str, profile_index: int) -> list[tuple[int, ...]]:
        assert (name, profile_index) == ("image", 0)
        return [(*shape, 3) for shape in self._profile]

    def create_execution_context(self) -> "Context | None":
        if self._gpu.contexts_left == 0:
            self._logger.log(Logger.Severity.ERROR, "out of memory")
            return None
        self._gpu.contexts_left -= 1
        return Context(self._gpu, self)


class Context:
    """`IExecutionContext`."""

    def __init__(self, gpu: "FakeGpu", engine: Engine) -> None:
        self._gpu = gpu
        self._engine = engine
        self._shape: tuple[int, ...] = ()
        self._addresses: dict[str, int] = {}
        self._is_at_work = False

    def set_input_shape(self, name: str, shape: tuple[int, ...]) -> bool:
        assert name == "image"
        assert not self._is_at_work
        least, _, most = self._engine.get_tensor_profile_shape(name, 0)
        assert all(a <= side <= b for a, side, b in zip(least, shape, most, strict=True))
        self._shape = shape
        return True

    def get_tensor_shape(self, name: str) -> tuple[int, ...]:
        classes = self._engine._tensors[name].type.tensor_type.shape.dim[1].dim_value
        return self._shape[0], classes, *self._shape[1:3]

    def set_tensor_address(self, name: str, memory: int) -> bool:
        self._addresses[name] = memory
        return True

    def execute_async_v3(self, stream_handle: int) -> bool:
        assert isinstance(stream_handle, int)
        if self._gpu.refuses_to_execute:
            self._engine._logger.log(Logger.Severity.ERROR, "Cuda failure:\n700")
            return False
        self._is_at_work = True
        self._gpu.streams[stream_handle].append(self._execute)
        return True

    def _execute(self) -> None:
        images = self._gpu.bytes_at(self._addresses["image"], prod(self._shape)).reshape(self._shape)
        answers: NDArray[np.float32] = self._engine._session.run(None, {"image": images})[0]
        place = self._gpu.bytes_at(self._addresses["probabilities"], answers.nbytes)
        place[:] = answers.view(np.uint8).ravel()
        self._gpu.executed.append(self._shape)
        self._is_at_work = False


def build(
    _: ModuleType, model: Path, profile: PlanProfile, __: int, ___: bytes, temperature: float
) -> BuiltPlan:
    """A plan that is the graph itself, at that temperature, with its profile inside."""
    graph = onnx.load(model)
    set_temperature_in_graph(graph, temperature, model)
    said = json.dumps([profile.least, profile.usual, profile.most])
    helper.set_model_props(graph, {_PROFILE: said})
    return BuiltPlan(graph.SerializeToString(), None)
