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
class TritonServing:
    """Server settings of a model.

    `batch` is the largest batch, `size_hw` the size for warm-up. A request waits at most `delay_us`
    microseconds for others of its size.
    """

    batch: int
    size_hw: tuple[int, int]
    instances: int = 1
    delay_us: int = 2000


@dataclass(frozen=True, slots=True)
class TritonEnsembleStep:
    """A step of an ensemble: its model, and the ensemble's tensors for its inputs and outputs."""

    model: str
    takes: Mapping[str, str]
    gives: Mapping[str, str]


def triton_model_config(name: str, model: onnx.ModelProto, serving: TritonServing) -> str:
    """The configuration of a model whose first axis is the batch; names, types and dims are the graph's."""
    batches = sorted({1, serving.batch})
    return _CONFIG.substitute(
        name=name,
        batch=serving.batch,
        inputs=_config_lines(map(_tensor_config, model.graph.input)),
        outputs=_config_lines(map(_tensor_config, model.graph.output)),
        delay=serving.delay_us,
        instances=serving.instances,
        warmups=_config_lines(_warmup_config(model.graph.input, batch, serving.size_hw) for batch in batches),
    )


def triton_ensemble_config(
    name: str,
    serving: TritonServing,
    inputs: Iterable[onnx.ValueInfoProto],
    outputs: Iterable[onnx.ValueInfoProto],
    steps: Iterable[TritonEnsembleStep],
) -> str:
    """The configuration of an ensemble, which has steps and no graph."""
    return _ENSEMBLE.substitute(
        name=name,
        batch=serving.batch,
        inputs=_config_lines(map(_tensor_config, inputs)),
        outputs=_config_lines(map(_tensor_config, outputs)),
        steps=_config_lines(map(_ensemble_step_config, steps)),
    )


def _tensor_config(value: onnx.ValueInfoProto) -> str:
    dims = _dims_config(_dims_without_batch(value))
    return f'  {{ name: "{value.name}" data_type: {_triton_data_type(value)} dims: {dims} }}'


def _warmup_config(inputs: Iterable[onnx.ValueInfoProto], batch: int, size_hw: tuple[int, int]) -> str:
    filled = "\n".join(_warmup_input_config(value, size_hw) for value in inputs)
    return _WARMUP.substitute(batch=batch, inputs=filled)


def _warmup_input_config(value: onnx.ValueInfoProto, size_hw: tuple[int, int]) -> str:
    sides = iter(size_hw)
    dims = [next(sides) if dim == ANY else dim for dim in _dims_without_batch(value)]
    return _WARM_INPUT.substitute(name=value.name, type=_triton_data_type(value), dims=_dims_config(dims))


def _ensemble_step_config(step: TritonEnsembleStep) -> str:
    maps = [("input_map", step.takes), ("output_map", step.gives)]
    lines = [
        f'    {kind} {{ key: "{own}" value: "{tensor}" }}'
        for kind, names in maps
        for own, tensor in names.items()
    ]
    return "\n".join([f'  {{ model_name: "{step.model}" model_version: -1', *lines, "  }"])


def _triton_data_type(value: onnx.ValueInfoProto) -> str:
    return DATA_TYPES[value.type.tensor_type.elem_type]


def _dims_without_batch(value: onnx.ValueInfoProto) -> list[int]:
    """Without the batch, which Triton puts before them."""
    return [axis.dim_value or ANY for axis in value.type.tensor_type.shape.dim[1:]]


def _config_lines(items: Iterable[str]) -> str:
    return ",\n".join(items)


def _dims_config(dims: Sequence[int]) -> str:
    return f"[ {', '.join(map(str, dims))} ]"
