"""Reading YAML so that every error can name its line."""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any, TypeVar, get_args

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails
from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedBase
from ruamel.yaml.error import MarkedYAMLError, YAMLError

from seg.errors import SpecError
from seg.spec.base import did_you_mean
from seg.spec.wording import in_plain_words

Model = TypeVar("Model", bound=BaseModel)


def load(model: type[Model], path: Path) -> Model:
    """Read the YAML file at `path` as a `model`; its paths are relative to the file's folder.

    Raises:
        SpecError: one line for each thing wrong, with the file, the line and the nearest name.
    """
    document = parse(path)
    if not isinstance(document, dict):
        raise SpecError(f"{path}:1: a mapping of keys to values is expected here")
    try:
        return model.model_validate(document, context={"folder": path.absolute().parent, "file": path})
    except ValidationError as error:
        lines = [
            _describe(path, model, document, one)
            for one in _innermost(in_plain_words(error.errors(), document))
        ]
        raise SpecError("\n".join(lines)) from error


def parse(path: Path) -> Any:
    """The YAML document at `path`, which knows its lines and comments; raises SpecError."""
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise SpecError(f"{path}: cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise SpecError(f"{path}: is not UTF-8 text (byte {error.start})") from error
    try:
        return YAML(typ="rt").load(text)
    except MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        problem = (error.problem or "cannot be parsed").split("\n")[0]
        raise SpecError(f"{path}:{line}: not valid YAML: {problem}") from error
    except YAMLError as error:
        raise SpecError(f"{path}: not valid YAML: {str(error).splitlines()[0]}") from error


def _innermost(errors: list[ErrorDetails]) -> list[ErrorDetails]:
    """Without the errors that only follow from one further inside."""
    places = [error["loc"] for error in errors]
    return [
        error
        for error in errors
        if not any(len(p) > len(error["loc"]) and p[: len(error["loc"])] == error["loc"] for p in places)
    ]


def _describe(path: Path, model: type[BaseModel], document: Any, error: ErrorDetails) -> str:
    place = error["loc"]
    message = error["msg"].removeprefix("Value error, ")
    match error["type"]:
        case "missing":
            message = "is required"
        case "extra_forbidden":
            known = _fields_at(model, place[:-1])
            message = f"unknown key: {did_you_mean(str(place[-1]), known)}"
        case "literal_error":
            choices = re.findall(r"'([^']*)'", error["ctx"]["expected"])
            message = f"{error['input']!r} is not known: {did_you_mean(str(error['input']), choices)}"
    line = line_of(document, (*place, *_key_named_in(message, document, place)))
    where = ".".join(str(part) for part in place)
    return f"{path}:{line}: {where}: {message}" if where else f"{path}:{line}: {message}"


def _key_named_in(message: str, document: Any, place: Sequence[str | int]) -> list[str]:
    """The first key of the mapping at a place that a message puts in quotes, and those after its dots."""
    _, node = _deepest(document, place)
    quoted = (name.split(".") for name in re.findall(r"'(\w+(?:\.\w+)*)", message))
    return next((keys for keys in quoted if isinstance(node, dict) and keys[0] in node), [])


def _fields_at(model: type[BaseModel], place: Sequence[str | int]) -> list[str]:
    for part in place:
        if part in model.model_fields:
            model = _model_within(model.model_fields[str(part)].annotation) or model
    return list(model.model_fields)


def _model_within(annotation: Any) -> type[BaseModel] | None:
    """The spec in an annotation such as `tuple[MemberSpec, ...] | None`."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next((found for part in get_args(annotation) if (found := _model_within(part))), None)


def line_of(document: Any, place: Sequence[str | int]) -> int:
    """The line (from 1) of the deepest part of `place` that the document has."""
    line, _ = _deepest(document, place)
    return line


def _deepest(document: Any, place: Sequence[str | int]) -> tuple[int, Any]:
    """The deepest part of `place` that the document has, with its line."""
    line, node = 1, document
    for part in place:
        if not isinstance(node, CommentedBase):
            break
        if isinstance(node, dict) and part in node:
            line = node.lc.key(part)[0] + 1
        elif isinstance(node, list) and isinstance(part, int) and part < len(node):
            line = node.lc.item(part)[0] + 1
        else:
            break
        node = node[part]
    return line, node
