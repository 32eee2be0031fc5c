"""Importing TensorRT, or TensorRT for RTX, with errors that name the package to install; and its logger."""

import importlib
import importlib.util
from types import ModuleType
from typing import Any, Final, Literal

from seg.distribution import install_advice
from seg.errors import MissingRuntimeError

LibraryName = Literal["tensorrt", "tensorrt_rtx"]
OLDEST: Final[dict[LibraryName, int]] = {"tensorrt": 10, "tensorrt_rtx": 1}
EXTRA: Final[dict[LibraryName, str]] = {"tensorrt": "tensorrt", "tensorrt_rtx": "rtx"}


def import_tensorrt(name: LibraryName) -> ModuleType:
    """Import TensorRT; raises MissingRuntimeError with the package to install."""
    package = name.replace("_", "-")
    if importlib.util.find_spec(name) is None:
        raise MissingRuntimeError(f"{package} is not installed: {install_advice(EXTRA[name])}")
    library = importlib.import_module(name)
    if int(library.__version__.split(".")[0]) < OLDEST[name]:
        raise MissingRuntimeError(
            f"{package} {library.__version__} is too old: {OLDEST[name]} or newer: pip install -U {package}"
        )
    return library


def tensorrt_logger_into(errors: list[str], library: ModuleType) -> Any:
    """A logger for TensorRT that prints nothing and appends each error to the list, as one line."""

    class Logger(library.ILogger):  # type: ignore[misc, name-defined]
        def __init__(self) -> None:
            library.ILogger.__init__(self)

        def log(self, severity: Any, message: str) -> None:
            if severity in {library.ILogger.Severity.ERROR, library.ILogger.Severity.INTERNAL_ERROR}:
                errors.append(" ".join(message.split()))

    return Logger()
