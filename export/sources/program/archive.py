"""What kind of zip archive a file of PyTorch is, and whether its program is safe to load.

Loading a TorchScript archive runs code in it, and running the program the rest. That code is no Python: it
consists of PyTorch's operators, some of which reach files. Those, operators of other libraries and loops
without an end are refused before anything is loaded.
"""

import ast
import re
import warnings
import zipfile
from pathlib import Path
from typing import Final, Literal

from seg.errors import ModelError
from seg.files.atomic import DAMAGED_ZIP, regular_file

Kind = Literal["TorchScript", "torch.export program"]

_SCRIPT: Final = re.compile(r"^[^/]+/code/.+\.py$")
_PROGRAM: Final = re.compile(r"^([^/]+/)?models/[^/]+\.json$")
_LARGEST_CODE_BYTES: Final = 2**21
_DEEPEST: Final = 500
"""Levels of an expression or of statements; PyTorch reads 1,000 and crashes on 10,000."""

REACHES_FILES: Final = re.compile(r"\b(from_file|_?save|_?load|print|warn)\b")
"""Operators of PyTorch that do more than compute."""

_UNSAFE: Final = (
    (re.compile(REACHES_FILES.pattern + r"\s*\("), "an operator that reaches files"),
    (re.compile(r"\bops\.(?!prim\.|aten\.)\w+"), "an operator that is not PyTorch's own"),
    (re.compile(r"\bdef __(set|get)state__"), "code that runs when it is loaded"),
    (re.compile(r"\bwhile\b|range\(9223372036854775807"), "a loop that may never end"),
)


def kind_of_program_archive(path: Path) -> Kind | None:
    """The kind of program in a file; None if it is none, but perhaps a state dict."""
    names = _names_in_archive(path)
    if any(map(_SCRIPT.match, names)):
        return "TorchScript"
    return "torch.export program" if any(map(_PROGRAM.match, names)) else None


def check_torchscript_archive(path: Path) -> None:
    """Raise ModelError if a TorchScript archive is damaged, or has code that is not only arithmetic."""
    for name in filter(_SCRIPT.match, _names_in_archive(path)):
        text = _code_in_archive(path, name)
        for pattern, what in _UNSAFE:
            found = pattern.search(text)
            if found:
                raise _refused_program(path, name, f"{what} ({found[0][:40]!r})")
        if _is_code_too_deep(text):
            raise _refused_program(path, name, "code that is nested too deep, or damaged")


def _refused_program(path: Path, name: str, what: str) -> ModelError:
    return ModelError(
        f"{path}: its {name} has {what}, so it is not loaded: export it with torch.onnx, and name that file"
        " with 'onnx'"
    )


def _is_code_too_deep(text: str) -> bool:
    """Whether PyTorch's parser, which recurses without a limit, may crash on code, which is Python's."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            level: list[ast.AST] = [ast.parse(text)]
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return True
    depth = 0
    while level and depth <= _DEEPEST:
        if any(_nested_terms(node) > _DEEPEST for node in level):
            return True
        level = [child for node in level for child in ast.iter_child_nodes(node)]
        depth += 1
    return depth > _DEEPEST


def _nested_terms(node: ast.AST) -> int:
    """The terms of `a and b and c` or `a < b < c`, which PyTorch nests."""
    return len(node.values) if isinstance(node, ast.BoolOp) else len(getattr(node, "ops", ()))


def _names_in_archive(path: Path) -> list[str]:
    try:
        if not zipfile.is_zipfile(regular_file(path)):
            return []
        with zipfile.ZipFile(path) as archive:
            return archive.namelist()
    except DAMAGED_ZIP:
        # What reads it as a state dict says what is wrong.
        return []


def _code_in_archive(path: Path, name: str) -> str:
    try:
        with zipfile.ZipFile(path) as archive:
            if archive.getinfo(name).file_size > _LARGEST_CODE_BYTES:
                raise ModelError(f"{path}: its {name} is larger than code can be: save the program again")
            return archive.read(name).decode()
    except DAMAGED_ZIP as error:
        raise ModelError(f"{path}: is damaged: copy it again") from error
