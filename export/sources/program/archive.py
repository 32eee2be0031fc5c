"""What kind of zip archive a file of PyTorch is, and whether its program is safe to load.

Loading a TorchScript archive runs code in it, and running the program the rest. That code is no Python: it
consists of PyTorch's operators, some of which reach files. Those, operators of other libraries and loops
without an end are refused before anything is loaded.
"""

import re
import zipfile
from pathlib import Path
from typing import Final, Literal

from seg.errors import ModelError
from seg.files.atomic import DAMAGED_ZIP, regular

Kind = Literal["TorchScript", "torch.export program"]

_SCRIPT: Final = re.compile(r"^[^/]+/code/.+\.py$")
_PROGRAM: Final = re.compile(r"^([^/]+/)?models/[^/]+\.json$")
_LARGEST_CODE_BYTES: Final = 2**26
_UNSAFE: Final = (
    (re.compile(r"\b(from_file|_?save|_?load|print|warn)\s*\("), "an operator that reaches files"),
    (re.compile(r"\bops\.(?!prim\.|aten\.)\w+"), "an operator that is not PyTorch's own"),
    (re.compile(r"\bdef __(set|get)state__"), "code that runs when it is loaded"),
    (re.compile(r"[(\[]{200}"), "brackets so deep that reading them would crash"),
    (re.compile(r"\bwhile\b|range\(9223372036854775807"), "a loop that may never end"),
)


def archive_kind(path: Path) -> Kind | None:
    """The kind of program in a file; None if it is none, but perhaps a state dict."""
    names = _names(path)
    if any(map(_SCRIPT.match, names)):
        return "TorchScript"
    return "torch.export program" if any(map(_PROGRAM.match, names)) else None


def check_script(path: Path) -> None:
    """Raise ModelError if a TorchScript archive is damaged, or has code that is not only arithmetic."""
    for name in filter(_SCRIPT.match, _names(path)):
        text = _text(path, name)
        for pattern, what in _UNSAFE:
            found = pattern.search(text)
            if found:
                raise ModelError(
                    f"{path}: its {name} has {what} ({found[0][:40]!r}), so it is not loaded: export it with"
                    " torch.onnx, and name that file with 'onnx'"
                )


def _names(path: Path) -> list[str]:
    try:
        if not zipfile.is_zipfile(regular(path)):
            return []
        with zipfile.ZipFile(path) as archive:
            return archive.namelist()
    except DAMAGED_ZIP:
        # What reads it as a state dict says what is wrong.
        return []


def _text(path: Path, name: str) -> str:
    try:
        with zipfile.ZipFile(path) as archive:
            if archive.getinfo(name).file_size > _LARGEST_CODE_BYTES:
                raise ModelError(f"{path}: its {name} is larger than code can be: save the program again")
            return archive.read(name).decode()
    except DAMAGED_ZIP as error:
        raise ModelError(f"{path}: is damaged: copy it again") from error
