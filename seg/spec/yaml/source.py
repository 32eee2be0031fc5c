"""Reading YAML so that every error can name its line."""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final, TypeVar, get_args

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails
from ruamel.yaml.comments import CommentedMap, CommentedSeq

from seg.errors import SpecError
from seg.spec.base import Spec, did_you_mean
from seg.spec.yaml.wording import literal_values, mistakes_in_plain_words
from seg.spec.yaml.yaml_text import parse_yaml_text, read_yaml_text
from seg.terminal.words import printable_line

MOST_LINES: Final = 20
"""Mistakes that are described, of those in one file."""

Model = TypeVar("Model", bound=BaseModel)
OneSpec = TypeVar("OneSpec", bound=Spec)


def load_yaml(model: type[OneSpec], path: Path) -> OneSpec:
    """Read the YAML file at `path` as a `model`; its paths are relative to the file's folder.

    Raises:
        SpecError: one line for each thing wrong, with the file, the line and the nearest name.
    """
    document = parse_yaml_file(path)
    if not isinstance(document, dict):
        raise SpecError(f"{path}:1: a mapping of keys to values is expected here")
    try:
        context = {"folder": path.absolute().parent, "file": path}
        return model.model_validate(document, context=context).read_from(path)
    except ValidationError as error:
        mistakes = _mistakes_in_yaml(error, document)
        lines = [_describe_mistake(path, model, document, one) for one in mistakes[:MOST_LINES]]
        if len(mistakes) > MOST_LINES:
            lines.append(f"{path}: {len(mistakes) - MOST_LINES} more mistakes")
        raise SpecError("\n".join(lines)) from error


def validate_values(model: type[Model], values: Mapping[str, Any]) -> Model:
    """Values that stand in no file as a `model`; raises SpecError with a line for each thing wrong."""
    try:
        return model.model_validate(values)
    except ValidationError as error:
        lines = [_mistake_message(model, one) for one in _mistakes_in_yaml(error, values)[:MOST_LINES]]
        raise SpecError("\n".join(lines)) from error


def parse_yaml_file(path: Path) -> Any:
    """The YAML document at `path`, which knows its lines and comments; raises SpecError."""
    return parse_yaml_text(read_yaml_text(path), path)


def _mistakes_in_yaml(error: ValidationError, document: Any) -> list[ErrorDetails]:
    return _innermost_mistakes(mistakes_in_plain_words(error.errors(include_url=False), document))


def _innermost_mistakes(errors: list[ErrorDetails]) -> list[ErrorDetails]:
    """Without the errors that only follow from one further inside."""
    outer = {error["loc"][:end] for error in errors for end in range(len(error["loc"]))}
    return [error for error in errors if error["loc"] not in outer]


def _describe_mistake(path: Path, model: type[BaseModel], document: Any, error: ErrorDetails) -> str:
    place, message = error["loc"], _mistake_message(model, error)
    line = line_of_place(document, (*place, *_key_named_in(message, document, place)))
    return f"{path}:{line}: {message}"


def _mistake_message(model: type[BaseModel], error: ErrorDetails) -> str:
    """The place within the document, and what is wrong there."""
    place = error["loc"]
    message = error["msg"].removeprefix("Value error, ")
    match error["type"]:
        case "missing":
            message = "is required"
        case "extra_forbidden" | "invalid_key":
            known = _keys_at_place(model, place[:-1])
            message = f"unknown key: {did_you_mean(str(place[-1]), known)}"
        case "literal_error":
            choices, given = literal_values(error["ctx"]["expected"]), error["input"]
            message = f"{given!r} is not known: {did_you_mean(str(given), choices)}"
            if given in choices and not error["ctx"]["expected"].startswith("'"):
                message = f"is a number, got {given!r}: write it without quotes"
    where = ".".join(str(part) for part in place)
    return printable_line(f"{where}: {message}" if where else message)


def _key_named_in(message: str, document: Any, place: Sequence[str | int]) -> list[str | int]:
    """The first key of the mapping at a place that a message puts in quotes, and those after its dots."""
    _, node = _deepest_part(document, place)
    quoted = (name.split(".") for name in re.findall(r"'(\w+(?:\.\w+)*)", message))
    keys: list[str] = next((keys for keys in quoted if isinstance(node, dict) and keys[0] in node), [])
    return [int(key) if key.isdigit() else key for key in keys]


def _keys_at_place(model: type[BaseModel], place: Sequence[str | int]) -> list[str]:
    for part in place:
        if part in model.model_fields:
            model = _spec_within_annotation(model.model_fields[str(part)].annotation) or model
    return [field.alias or name for name, field in model.model_fields.items()]


def _spec_within_annotation(annotation: Any) -> type[BaseModel] | None:
    """The spec in an annotation such as `tuple[MemberSpec, ...] | None`."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next((found for part in get_args(annotation) if (found := _spec_within_annotation(part))), None)


def line_of_place(document: Any, place: Sequence[str | int]) -> int:
    """The line (from 1) of the deepest part of `place` that the document has."""
    line, _ = _deepest_part(document, place)
    return line


def _deepest_part(document: Any, place: Sequence[str | int]) -> tuple[int, Any]:
    """The deepest part of `place` that the document has, with its line."""
    line: int = 1
    node: Any = document
    for part in place:
        if not _has_yaml_part(node, part):
            break
        # A key that came by way of `<<` has no line of its own.
        line = (node.lc.data or {}).get(part, [line - 1])[0] + 1
        node = node[part]
    return line, node


def _has_yaml_part(node: Any, part: str | int) -> bool:
    match node:
        case CommentedMap():
            return part in node
        case CommentedSeq():
            return isinstance(part, int) and part < len(node)
    return False
