"""The temperature of an exported model: the initializer that divides the logits.

Source: Guo, Pleiss, Sun and Weinberger, "On Calibration of Modern Neural Networks", 2017.
"""

from pathlib import Path
from typing import TYPE_CHECKING, Final

from seg.errors import ModelError

if TYPE_CHECKING:
    from onnx import ModelProto

TEMPERATURE: Final = "temperature"


def set_temperature_in_graph(model: "ModelProto", value: float, path: Path) -> None:
    """Set the temperature in the graph that was read from `path`.

    Raises:
        ModelError: the graph has no temperature.
    """
    import numpy as np
    from onnx import numpy_helper

    for tensor in model.graph.initializer:
        if tensor.name == TEMPERATURE:
            tensor.CopyFrom(numpy_helper.from_array(np.array(value, dtype=np.float32), TEMPERATURE))
            return
    raise error_without_temperature(path)


def error_without_temperature(path: Path) -> ModelError:
    """The error for a model without a temperature."""
    return ModelError(f"{path}: has no place for a temperature: export it again")
