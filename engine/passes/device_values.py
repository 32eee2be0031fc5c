"""Probabilities that stay on a network's device, of a batch and merged.

Values there are of the type `onnxruntime.OrtValue`, which is imported only where a session is.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from seg.engine.passes.passes import Size
from seg.labels.label_map import LabelsHW, ProbabilitiesCHW
from seg.labels.task import LabelMap

Device = Literal["cpu", "cuda"]
"""The device of a session and its values."""


@dataclass(frozen=True, slots=True)
class BatchOnDevice:
    """Class probabilities of a batch, float32 `[N, C, H, W]`."""

    value: Any

    @property
    def shape(self) -> tuple[int, ...]:
        return tuple(self.value.shape())

    @property
    def dtype(self) -> str:
        name: str = self.value.data_type()
        return "float32" if name == "tensor(float)" else name

    def __getitem__(self, row: int) -> "ProbabilitiesOnDevice":
        return ProbabilitiesOnDevice(self.value, row)


@dataclass(frozen=True, slots=True)
class ProbabilitiesOnDevice:
    """One row of a batch, float32 `[C, H, W]`; it keeps the whole batch in memory."""

    batch: Any
    row: int

    @property
    def shape(self) -> tuple[int, int]:
        """Classes and pixels."""
        _, classes, height, width = self.batch.shape()
        return classes, height * width

    @property
    def address(self) -> int:
        """The address of its first value in the device's memory."""
        bytes_a_row = self.batch.tensor_size_in_bytes() // self.batch.shape()[0]
        return int(self.batch.data_ptr() + self.row * bytes_a_row)


class MergedOnDevice(Protocol):
    """Merged probabilities, float32 `[C, H, W]`, of a frame or a tile."""

    @property
    def size_hw(self) -> Size: ...

    def is_finite(self) -> bool:
        """Whether no value is NaN or infinite."""
        ...

    def labels(self, factors: tuple[float, ...]) -> LabelsHW:
        """Its label map, decided on the device; see `seg.engine.merging.decision.decide_labels`."""
        ...

    def masks(self, thresholds: tuple[float, ...]) -> LabelMap:
        """The classes of each pixel that are above their threshold, decided on the device, as bits.

        There is a threshold for each class, or one for all.
        """
        ...

    def on_host(self) -> ProbabilitiesCHW:
        """The probabilities, brought to the host. Called once."""
        ...


Merged = ProbabilitiesCHW | MergedOnDevice
"""Merged probabilities, wherever they are."""


def merged_on_host(merged: Merged) -> ProbabilitiesCHW:
    """Merged probabilities as an array."""
    return merged if isinstance(merged, np.ndarray) else merged.on_host()


def copy_to_device(device: Device, array: NDArray[Any]) -> Any:
    """An OrtValue of that device with the content of an array."""
    import onnxruntime

    return onnxruntime.OrtValue.ortvalue_from_numpy(array, device)


def run_from_host(session: Any, device: Device, name: str, array: NDArray[Any], output: str) -> Any:
    """Copy an array to the device and run a session on it; the output stays on the device.

    Both release Python's lock, which binding the array would hold during the copy.

    Args:
        session: an `onnxruntime.InferenceSession` of that device.

    Returns:
        An OrtValue on the device.
    """
    import onnxruntime
    from onnxruntime.capi.onnxruntime_pybind11_state import OrtValueVector

    feeds, fetched = OrtValueVector(), OrtValueVector()
    held = onnxruntime.OrtValue.ortvalue_from_numpy(np.ascontiguousarray(array))
    feeds.push_back(held._get_c_value())
    on_device = onnxruntime.OrtDevice.make(device, 0)._get_c_device()
    session.run_with_ortvaluevector(onnxruntime.RunOptions(), [name], feeds, [output], fetched, [on_device])
    return onnxruntime.OrtValue(fetched[0])


def run_on_bound_device(
    session: Any, device: Device, inputs: Mapping[str, Any], outputs: Sequence[str]
) -> list[Any]:
    """Run a session of that device, and leave its outputs there.

    Args:
        session: an `onnxruntime.InferenceSession`.
        inputs: by name, all on the device.

    Returns:
        OrtValues on the device.
    """
    binding = session.io_binding()
    for name, value in inputs.items():
        if isinstance(value, ProbabilitiesOnDevice):
            binding.bind_input(name, device, 0, np.float32, value.shape, value.address)
        else:
            binding.bind_ortvalue_input(name, value)
    for name in outputs:
        binding.bind_output(name, device)
    session.run_with_iobinding(binding)
    found: list[Any] = binding.get_outputs()
    return found
