"""A copy of a torch.export archive that holds only what was checked, so that loading it runs no code.

`torch.export.load` unpickles example inputs and some constants, evaluates the expressions of free sizes,
imports what the structure of inputs names, and makes Python of the names in the graph. The copy has no
example inputs and no pickles. Its graph has PyTorch's own operators, plain names, and sizes that are
arithmetic. What only describes the program, such as stack traces, is left out.
"""

import json
import re
import zipfile
from collections.abc import Mapping
from io import BytesIO
from pathlib import Path
from typing import Any, Final

from seg.errors import ModelError
from seg.export.sources.program.archive import REACHES_FILES
from seg.files.atomic import DAMAGED_ZIP

_NAME: Final = re.compile(r"(?!__)\w+", re.ASCII)
_WEIGHT: Final = re.compile(r"(?!__)\w+(\.(?!__)\w+)*", re.ASCII)
_OPERATOR: Final = re.compile(
    r"torch\.ops\.aten\.\w+\.\w+|math\.(ceil|floor|trunc)|torch\.sym_(int|float|max|min|not|ite)"
    r"|_operator\.(add|sub|mul|floordiv|truediv|mod|neg|eq|ne|ge|gt|le|lt|and_|or_|getitem)",
    re.ASCII,
)
_SIZE_TOKEN: Final = re.compile(r"\w+|\*\*|[^\w\s]", re.ASCII)
_SIZE_WORDS: Final = frozenset(
    {
        *("Add", "Mul", "Max", "Min", "Mod", "Rational", "Integer", "Symbol", "FloorDiv", "PythonMod"),
        *("CleanDiv", "CeilDiv", "Eq", "Ne", "Ge", "Gt", "Le", "Lt", "GreaterThan", "StrictGreaterThan"),
        *("LessThan", "StrictLessThan", "Equality", "Unequality", "positive", "nonnegative", "integer"),
        *("True", "False", "(", ")", ",", "=", "'", "+", "-", "*", "/"),
    }
)
"""What the size of an axis may be computed with; no powers, which grow without bound."""

_SYMBOL_OR_NUMBER: Final = re.compile(r"[su]?\d{1,18}", re.ASCII)
_LONGEST_SIZE: Final = 1000

_PATTERNS: Final[Mapping[str, re.Pattern[str]]] = {
    "name": _NAME,
    "as_name": _NAME,
    "type": _NAME,
    "target": _OPERATOR,
    "parameter_name": _WEIGHT,
    "buffer_name": _WEIGHT,
    "tensor_constant_name": _WEIGHT,
    "path_name": _NAME,
}
"""What the text under each key may be; text under another key is not known, and refused."""

_FREE_TEXT: Final = frozenset({"as_string", "as_strings"})
"""Arguments of operators, such as the name of a mode."""

_RUNS_CODE: Final = frozenset({"as_graph", "as_custom_obj", "as_operator", "as_string_to_argument"})
"""Arguments that are programs of their own, or objects of other libraries."""

_ONE_IMAGE: Final = [[["leaf"]], []]
_STRUCTURES: Final = frozenset({"builtins.tuple", "builtins.list", "builtins.dict"})
_LARGEST_GRAPH_BYTES: Final = 2**26
_LARGEST_TENSOR: Final = 2**31
"""Elements of one weight."""


def checked_copy_of_program(path: Path) -> BytesIO:
    """The archive of the program at `path`, with what was checked.

    Raises:
        ModelError: it is damaged, compressed, or has something that may run code.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            return _copy_checked_archive(_ProgramArchive(path, archive))
    except (*DAMAGED_ZIP, KeyError, IndexError, TypeError, AttributeError, RecursionError) as error:
        raise ModelError(f"{path}: is damaged, or not of one program: save it again") from error


class _ProgramArchive:
    """The members of an archive, below its one folder."""

    def __init__(self, path: Path, archive: zipfile.ZipFile) -> None:
        self.path = path
        self._archive = archive
        self._names = {name.partition("/")[2]: name for name in archive.namelist()}

    def names(self, folder: str) -> list[str]:
        return [name for name in self._names if name.startswith(folder)]

    def read(self, name: str) -> bytes:
        found = self._archive.getinfo(self._names[name])
        if found.compress_type != zipfile.ZIP_STORED:
            raise self.refused(name, "is compressed, which torch.export.save does not do")
        return self._archive.read(found)

    def read_json(self, name: str) -> Any:
        content = self.read(name)
        if len(content) > _LARGEST_GRAPH_BYTES:
            raise self.refused(name, "is larger than a graph can be")
        return json.loads(content, object_hook=_on_cpu)

    def refused(self, name: str, what: str) -> ModelError:
        return ModelError(
            f"{self.path}: its {name} {what}, so it is not loaded: export it with torch.onnx.export where it"
            " was made, and name that file with 'onnx'"
        )


def _on_cpu(described: dict[str, Any]) -> dict[str, Any]:
    """A device as the CPU, and anything else as it is."""
    return {"type": "cpu", "index": None} if described.keys() == {"type", "index"} else described


def _copy_checked_archive(archive: _ProgramArchive) -> BytesIO:
    (model,) = archive.names("models/")
    name = Path(model).stem
    files: dict[str, bytes] = {
        model: json.dumps(_checked_program_graph(archive, model)).encode(),
        f"data/sample_inputs/{name}.pt": b"",
    }
    for place in ("data/weights", "data/constants"):
        config = f"{place}/{name}_{Path(place).name}_config.json"
        described = archive.read_json(config)
        files[config] = json.dumps(described).encode()
        for weight, tensor in described["config"].items():
            stored = _checked_tensor(archive, config, weight, tensor)
            files[f"{place}/{stored}"] = archive.read(f"{place}/{stored}")
    for marker in ("archive_format", "archive_version", ".data/version", "byteorder"):
        files[marker] = archive.read(marker)
    copy = BytesIO()
    with zipfile.ZipFile(copy, "w", zipfile.ZIP_STORED) as written:
        for one, content in files.items():
            written.writestr(f"program/{one}", content)
    copy.seek(0)
    return copy


def _checked_tensor(archive: _ProgramArchive, config: str, weight: str, tensor: Mapping[str, Any]) -> str:
    """The name of the file of a weight."""
    if tensor["use_pickle"] or tensor["tensor_meta"] is None:
        raise archive.refused(config, f"has {weight[:40]!r} as a pickle, which may hold code")
    _check_program_values(archive, config, {"parameter_name": weight, **tensor})
    elements = 1
    for side in tensor["tensor_meta"]["sizes"]:
        elements *= side["as_int"]
    stored = str(tensor["path_name"])
    if not 0 <= elements <= _LARGEST_TENSOR or (
        elements and not archive.read(f"{Path(config).parent}/{stored}")
    ):
        raise archive.refused(config, f"gives {weight[:40]!r} a size that it does not have")
    return stored


def _checked_program_graph(archive: _ProgramArchive, model: str) -> dict[str, Any]:
    """The description of the graph, as the file has it, with nothing that is not needed."""
    program = archive.read_json(model)
    module = program["graph_module"]
    graph, root = module["graph"], module["module_call_graph"][0]
    for node in graph["nodes"]:
        node["metadata"] = {}
    for values in (name for name in graph if name.endswith("_values")):
        for one, described in graph[values].items():
            _check_program_values(archive, model, {"name": one, "described": described})
    _check_program_values(
        archive, model, {key: value for key, value in graph.items() if not key.endswith("_values")}
    )
    _check_program_values(archive, model, module["signature"])
    for symbol in program["range_constraints"]:
        _check_program_values(archive, model, {"expr_str": symbol})
    signature = root["signature"]
    if root["fqn"] or _nested_structure(archive, model, signature["in_spec"]) != _ONE_IMAGE:
        raise archive.refused(model, "takes more than one image")
    _nested_structure(archive, model, signature["out_spec"])
    for name in signature["forward_arg_names"]:
        _check_program_values(archive, model, {"name": name})
    return {
        "graph_module": {
            "graph": graph,
            "signature": module["signature"],
            "module_call_graph": [
                {"fqn": "", "signature": {**_only_structure(signature), "inputs": [], "outputs": []}}
            ],
            "metadata": {},
            "treespec_namedtuple_fields": {},
        },
        "opset_version": {"aten": int(program["opset_version"]["aten"])},
        "range_constraints": program["range_constraints"],
        "schema_version": program["schema_version"],
        "verifiers": ["TRAINING"],
        "torch_version": "",
        "guards_code": [],
    }


def _only_structure(signature: Mapping[str, Any]) -> dict[str, Any]:
    return {key: signature[key] for key in ("in_spec", "out_spec", "forward_arg_names")}


def _check_program_values(archive: _ProgramArchive, name: str, described: Any, key: str = "") -> None:
    """Refuse text that is not what its key allows, at any depth."""
    if isinstance(described, Mapping):
        for inner, value in described.items():
            if inner in _RUNS_CODE and value:
                raise archive.refused(name, f"has a {inner.removeprefix('as_')} within its graph")
            _check_program_values(archive, name, value, inner)
    elif isinstance(described, list):
        for value in described:
            _check_program_values(archive, name, value, key)
    elif isinstance(described, str) and not _is_allowed_in_program(key, described):
        raise archive.refused(name, f"has {described[:60]!r} as {key[:40]!r}")


def _is_allowed_in_program(key: str, text: str) -> bool:
    if key == "expr_str":
        return len(text) <= _LONGEST_SIZE and all(
            token in _SIZE_WORDS or _SYMBOL_OR_NUMBER.fullmatch(token) for token in _SIZE_TOKEN.findall(text)
        )
    if key == "target" and REACHES_FILES.search(text):
        return False
    pattern = _PATTERNS.get(key)
    return key in _FREE_TEXT or (pattern is not None and pattern.fullmatch(text) is not None)


def _nested_structure(archive: _ProgramArchive, name: str, text: str) -> list[Any]:
    """The structure of inputs or outputs as nested lists with `leaf` for a tensor; others are refused."""

    def read(one: Mapping[str, Any]) -> list[Any]:
        if one["type"] is None:
            return ["leaf"]
        keys = json.loads(one["context"])
        are_names = keys is None or (isinstance(keys, list) and all(isinstance(key, str) for key in keys))
        if one["type"] not in _STRUCTURES or not are_names:
            raise archive.refused(name, f"has {str(one['type'])[:40]!r} among its inputs or outputs")
        return [read(child) for child in one["children_spec"]]

    protocol, structure = json.loads(text)
    if protocol != 1:
        raise archive.refused(name, "is of another version of PyTorch")
    return read(structure)
