"""The OpenVINO library, as all of seg imports it."""

import sys
from importlib.util import find_spec
from typing import Any


def has_openvino() -> bool:
    """Whether it is installed."""
    return find_spec("openvino") is not None


def import_openvino() -> Any:
    """OpenVINO, ready for several threads, and without its telemetry.

    Its import would start the telemetry: a process that sends to the internet.

    Raises:
        ImportError: it is not installed, or cannot be loaded.
    """
    if "openvino_telemetry" not in sys.modules:
        # To Python such a module cannot be imported, and OpenVINO does without.
        sys.modules["openvino_telemetry"] = None  # type: ignore[assignment]
    import openvino

    # Its binding sets NumPy up at the first array. Two threads that do so at once would wait forever.
    openvino.Type.u8.to_dtype()
    return openvino
