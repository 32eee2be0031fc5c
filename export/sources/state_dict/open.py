"""Open a state dict as a source: read, recognised, with the preprocessing that its encoder usually has."""

from pathlib import Path
from typing import Any, Final

from seg.export.onnx_file.to_onnx import NEEDS_FIXED_SIZE
