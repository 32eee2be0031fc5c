"""Triton's `config.pbtxt`, in the text form of its protobuf `inference.ModelConfig`.

Fields as in Triton's model_config.proto; options of ONNX Runtime as its Triton backend knows them.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from string import Template
from typing import Final

import onnx
from onnx import TensorProto

DATA_TYPES: Final[dict[int, str]] = {
    TensorProto.UINT8: "TYPE_UINT8",
    TensorProto.UINT16: "TYPE_UINT16",
    TensorProto.UINT32: "TYPE_UINT32",
    TensorProto.UINT64: "TYPE_UINT64",
    TensorProto.FLOAT: "TYPE_FP32",
}
ANY: Final = -1

# With an exhaustive search of algorithms the first image of each size takes long. The backend takes the
# search as a number: 0 exhaustive, 1 heuristic, 2 default, anything else exhaustive.
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
      { name: "cuda" parameters { key: "cudnn_conv_algo_search" value: "1" } }
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
$inputs
  }""")

_WARM_INPUT: Final = Template(
    '    inputs { key: "$name" value { data_type: $type dims: $dims zero_data: true } }'
)

_ENSEMBLE: Final = Template("""\
name: "$name"
platform: "ensemble"
max_batch_size: $batch
input [
$inputs
]
output [
$outputs
]
ensemble_scheduling { step [
$steps
] }
""")


@dataclass(frozen=True, slots=True)
class Serving:
    """Server settings of a model.

    `batch` is the largest batch, `size_hw` the size for warm-up. A request waits at most `delay_us`
    microseconds for others of its size.
    """

    batch: int
    size_hw: tuple[int, int]
    instances: int = 1
    delay_us: int = 2000


@dataclass(frozen=True, slots=True)
class EnsembleStep:
    """A step of an ensemble: its model, and the ensemble's tensors for its inputs and outputs."""

    model: str
    takes: Mapping[str, str]
    gives: Mapping[str, str]


def model_config(name: str, model: onnx.ModelProto, serving: Serving) -> str:
    """The configuration of a model whose first axis is the batch; names, types and dims are the graph's."""
    batches = sorted({1, serving.batch})
    return _CONFIG.substitute(
        name=name,
        batch=serving.batch,
        inputs=_lines(map(_tensor, model.graph.input)),
        outputs=_lines(map(_tensor, model.graph.output)),
        delay=serving.delay_us,
        instances=serving.instances,
        warmups=_lines(_warmup(model.graph.input, batch, serving.size_hw) for batch in batches),
    )


def ensemble_config(
    name: str,
    serving: Serving,
    inputs: Iterable[onnx.ValueInfoProto],
    outputs: Iterable[onnx.ValueInfoProto],
    steps: Iterable[EnsembleStep],
) -> str:
    """The configuration of an ensemble, which has steps and no graph."""
    return _ENSEMBLE.substitute(
        name=name,
        batch=serving.batch,
        inputs=_lines(map(_tensor, inputs)),
        outputs=_lines(map(_tensor, outputs)),
        steps=_lines(map(_step, steps)),
    )


def _tensor(value: onnx.ValueInfoProto) -> str:
    return f'  {{ name: "{value.name}" data_type: {_type(value)} dims: {_dims(_own_dims(value))} }}'


def _warmup(inputs: Iterable[onnx.ValueInfoProto], batch: int, size_hw: tuple[int, int]) -> str:
    filled = "\n".join(_warm_input(value, size_hw) for value in inputs)
    return _WARMUP.substitute(batch=batch, inputs=filled)


def _warm_input(value: onnx.ValueInfoProto, size_hw: tuple[int, int]) -> str:
    sides = iter(size_hw)
    dims = [next(sides) if dim == ANY else dim for dim in _own_dims(value)]
    return _WARM_INPUT.substitute(name=value.name, type=_type(value), dims=_dims(dims))


def _step(step: EnsembleStep) -> str:
    maps = [("input_map", step.takes), ("output_map", step.gives)]
    lines = [
        f'    {kind} {{ key: "{own}" value: "{tensor}" }}'
        for kind, names in maps
        for own, tensor in names.items()
    ]
    return "\n".join([f'  {{ model_name: "{step.model}" model_version: -1', *lines, "  }"])


def _type(value: onnx.ValueInfoProto) -> str:
    return DATA_TYPES[value.type.tensor_type.elem_type]


def _own_dims(value: onnx.ValueInfoProto) -> list[int]:
    """Without the batch, which Triton puts before them."""
    return [axis.dim_value or ANY for axis in value.type.tensor_type.shape.dim[1:]]


def _lines(items: Iterable[str]) -> str:
    return ",\n".join(items)


def _dims(dims: Sequence[int]) -> str:
    return f"[ {', '.join(map(str, dims))} ]"
