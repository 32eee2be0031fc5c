"""TensorRT, which comes under two names: imported, or refused with what to install; and its log."""

import importlib
import importlib.util
from types import ModuleType
from typing import Any, Final, Literal

from seg.errors import MissingRuntimeError

LibraryName = Literal["tensorrt", "tensorrt_rtx"]
OLDEST: Final[dict[LibraryName, int]] = {"tensorrt": 10, "tensorrt_rtx": 1}
EXTRA: Final[dict[LibraryName, str]] = {"tensorrt": "tensorrt", "tensorrt_rtx": "rtx"}


def load_library(name: LibraryName) -> ModuleType:
    """Import TensorRT, or say what to install; raises MissingRuntimeError."""
    package = name.replace("_", "-")
    if importlib.util.find_spec(name) is None:
        raise MissingRuntimeError(f"{package} is not installed: pip install 'seg[{EXTRA[name]}]'")
    library = importlib.import_module(name)
    if int(library.__version__.split(".")[0]) < OLDEST[name]:
        raise MissingRuntimeError(
            f"{package} {library.__version__} is too old: {OLDEST[name]} or newer: pip install -U {package}"
        )
    return library


def logger_into(errors: list[str], library: ModuleType) -> Any:
    """A logger for TensorRT, which prints nothing and puts each error into the list, as one line."""

    class Logger(library.ILogger):  # type: ignore[misc, name-defined]
        def __init__(self) -> None:
            library.ILogger.__init__(self)

        def log(self, severity: Any, message: str) -> None:
            if severity in {library.ILogger.Severity.ERROR, library.ILogger.Severity.INTERNAL_ERROR}:
                errors.append(" ".join(message.split()))

    return Logger()
