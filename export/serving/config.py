"""Triton's `config.pbtxt`, in the text form of its protobuf `inference.ModelConfig`.

Fields as in Triton's model_config.proto; options of ONNX Runtime as its Triton backend knows them.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from string import Template
from typing import Final

import onnx
from onnx import TensorProto

DATA_TYPES: Final[dict[int, str]] = {TensorProto.UINT8: "TYPE_UINT8", TensorProto.FLOAT: "TYPE_FP32"}
ANY: Final = -1

# A GPU that tries all algorithms anew for each size of image answers the first of each size late.
_CONFIG: Final = Template("""\
name: "$name"
backend: "onnxruntime"
max_batch_size: $batch
input [
$inputs
]
output [
$outputs
]
dynamic_batching { max_queue_delay_microseconds: $delay }
instance_group [ { kind: KIND_AUTO count: $instances } ]
optimization {
  execution_accelerators {
    gpu_execution_accelerator [
      { name: "cuda" parameters { key: "cudnn_conv_algo_search" value: "HEURISTIC" } }
    ]
  }
}
model_warmup [
$warmups
]
""")

_WARMUP: Final = Template("""\
  {
    name: "batch of $batch"
    batch_size: $batch
    inputs { key: "$input" value { data_type: $type dims: $dims zero_data: true } }
  }""")


@dataclass(frozen=True, slots=True)
class Serving:
    """How a server is to run a model.

    `batch` is the most images that travel together, `size_hw` what it is warmed up with. A request waits at
    most `delay_us` microseconds for others of its size.
    """

    batch: int
    size_hw: tuple[int, int]
    instances: int = 1
    delay_us: int = 2000


def config_of(name: str, model: onnx.ModelProto, serving: Serving) -> str:
    """The configuration of a model whose first axis is the batch; names, types and dims are the graph's."""
    (image,) = model.graph.input
    return _CONFIG.substitute(
        name=name,
        batch=serving.batch,
        inputs=",\n".join(map(_tensor, model.graph.input)),
        outputs=",\n".join(map(_tensor, model.graph.output)),
        delay=serving.delay_us,
        instances=serving.instances,
        warmups=",\n".join(_warmup(image, batch, serving.size_hw) for batch in sorted({1, serving.batch})),
    )


def _tensor(value: onnx.ValueInfoProto) -> str:
    return f'  {{ name: "{value.name}" data_type: {_type(value)} dims: {_dims(_own_dims(value))} }}'


def _warmup(image: onnx.ValueInfoProto, batch: int, size_hw: tuple[int, int]) -> str:
    dims = [*size_hw, *_own_dims(image)[len(size_hw) :]]
    return _WARMUP.substitute(batch=batch, input=image.name, type=_type(image), dims=_dims(dims))


def _type(value: onnx.ValueInfoProto) -> str:
    return DATA_TYPES[value.type.tensor_type.elem_type]


def _own_dims(value: onnx.ValueInfoProto) -> list[int]:
    """Without the batch, which Triton puts before them."""
    return [axis.dim_value or ANY for axis in value.type.tensor_type.shape.dim[1:]]


def _dims(dims: Sequence[int]) -> str:
    return f"[ {', '.join(map(str, dims))} ]"
