"""What stays on a network's device: its answers, and what they are merged to.

Values there are of the type `onnxruntime.OrtValue`, which is imported only where a session is.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, Protocol

import numpy as np

from seg.engine.passes.passes import Size
from seg.labels import LabelsHW, ProbabilitiesCHW

Device = Literal["cpu", "cuda"]
"""Where a session runs and its values lie."""


@dataclass(frozen=True, slots=True)
class AnswersOnDevice:
    """Class probabilities of a batch, float32 `[N, C, H, W]`."""

    value: Any

    def __getitem__(self, row: int) -> "AnswerOnDevice":
        return AnswerOnDevice(self.value, row)


@dataclass(frozen=True, slots=True)
class AnswerOnDevice:
    """One row of a batch, float32 `[C, H, W]`: a place in it, which keeps the whole of it."""

    batch: Any
    row: int

    @property
    def shape_chw(self) -> tuple[int, ...]:
        return tuple(self.batch.shape()[1:])

    @property
    def address(self) -> int:
        """Of its first value, in the memory of the device."""
        bytes_a_row = self.batch.tensor_size_in_bytes() // self.batch.shape()[0]
        return int(self.batch.data_ptr() + self.row * bytes_a_row)


class MergedOnDevice(Protocol):
    """Merged probabilities, float32 `[C, H, W]`, of a frame or a tile."""

    @property
    def size_hw(self) -> Size: ...

    def labels(self, factors: tuple[float, ...]) -> LabelsHW:
        """Its label map, decided on the device; see `seg.engine.merging.decision.decide`."""
        ...

    def on_host(self) -> ProbabilitiesCHW:
        """The probabilities, brought to the host. Called once."""
        ...


Merged = ProbabilitiesCHW | MergedOnDevice
"""Merged probabilities, wherever they are."""


def on_host(merged: Merged) -> ProbabilitiesCHW:
    """Merged probabilities as an array."""
    return merged if isinstance(merged, np.ndarray) else merged.on_host()


def run_bound(session: Any, device: Device, inputs: Mapping[str, Any], output: str) -> Any:
    """Run a session of that device to its end, and leave its output there.

    Args:
        session: an `onnxruntime.InferenceSession`.
        inputs: by name; arrays are brought to the device, all else is there already.

    Returns:
        An OrtValue on the device.
    """
    binding = session.io_binding()
    for name, value in inputs.items():
        match value:
            case np.ndarray():
                binding.bind_cpu_input(name, value)
            case AnswerOnDevice():
                binding.bind_input(name, device, 0, np.float32, value.shape_chw, value.address)
            case _:
                binding.bind_ortvalue_input(name, value)
    binding.bind_output(output, device)
    session.run_with_iobinding(binding)
    return binding.get_outputs()[0]
