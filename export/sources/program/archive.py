"""What kind of zip archive a file of PyTorch is, and whether it is safe to load.

Loading a TorchScript archive runs code in it, and running the program runs the rest. That code is no Python: it
consists of tensor operators. Those that reach files, operators of other libraries and loops without an end are
refused before anything is loaded. An archive of torch.export may hold pickles and expressions that loading
evaluates as Python, so it is refused if it has any but the ones that torch.export itself writes.
"""

import json
import re
import stat
import zipfile
from pathlib import Path
from typing import Any, Final, Literal

from seg.errors import ModelError
from seg.files import DAMAGED_ZIP, regular
from seg.model_safety import LARGEST_WEIGHTS_BYTES

Kind = Literal["torchscript", "exported program"]

_SCRIPT: Final = re.compile(r"^[^/]+/code/.+\.py$")
_PROGRAM: Final = re.compile(r"^[^/]+/models/[^/]+\.json$")
_UNSAFE_CODE: Final = (
    (re.compile(r"\b(from_file|save|load|_save|_load|print|warn)\s*\("), "an operator that reaches files"),
    (re.compile(r"\bops\.(?!prim\.|aten\.)\w+"), "an operator that is not PyTorch's own"),
    (re.compile(r"\bdef __(setstate|getstate)__"), "code that runs when it is loaded"),
    (re.compile(r"\bwhile\b|range\(9223372036854775807"), "a loop that may never end"),
)
_EXPRESSION: Final = re.compile(
    r"(?:Mul|Add|Pow|Mod|PythonMod|FloorDiv|CleanDiv|Max|Min|Eq|Ne|Lt|Le|Gt|Ge|And|Or|Not|Integer|Rational"
    r"|Symbol|positive|nonnegative|integer|True|False|'[su]\d+'|[su]\d+|\d+|[-+*/%()<>=,. ]|\*\*)*"
)
"""The expressions of sizes that torch.export writes."""


def archive_kind(path: Path) -> Kind | None:
    """The kind of program in a file; None if it is no program, but perhaps a state dict.

    Raises:
        ModelError: the file cannot be read.
    """
    names = _names(path)
    if any(map(_SCRIPT.match, names)):
        return "torchscript"
    return "exported program" if any(map(_PROGRAM.match, names)) else None


def check_script(path: Path) -> None:
    """Raise ModelError if a TorchScript archive has code that is not only arithmetic on tensors."""
    for name, text in _texts(path, _SCRIPT):
        for pattern, what in _UNSAFE_CODE:
            found = pattern.search(text)
            if found:
                raise ModelError(
                    f"{path}: {name} has {what} ({found[0]!r}), which is not run: export it with torch.onnx,"
                    " and name the file with 'onnx'"
                )
