"""The reference of every spec key, as a page: `python -m seg.spec.reference > docs/reference/spec.md`.

Types come from the JSON schema that editors get, meanings from the docstrings below the fields.
"""

import json
import sys
from collections.abc import Iterable, Iterator, Mapping
from itertools import chain
from pathlib import Path
from typing import Any, Final, get_args

from pydantic import BaseModel, TypeAdapter
from pydantic.fields import FieldInfo

from seg.spec.base import Spec
from seg.spec.ensemble.ensemble import EnsembleSpec
from seg.spec.recipe.sweep import SweepSpec
from seg.views import ViewName

Schema = Mapping[str, Any]
Sections = dict[type[BaseModel], list[str]]
"""The places of each mapping of a spec, such as `data.train` and `data.val`, in the order of the page."""

DOCUMENTS: Final = (("The ensemble spec", EnsembleSpec), ("The sweep spec", SweepSpec))

_INTRODUCTION: Final = """\
# Spec keys

Every key of a spec, with its type, its default and its meaning. An unknown key is an error, which names the
nearest known key. Paths are relative to the YAML that holds them.

The page is written by `python -m seg.spec.reference` from the code, and a test compares it with the code.
`seg spec schema` prints the same as a JSON schema, which gives completion and help in an editor.

A *size* is one number, `HEIGHTxWIDTH` or `[height, width]`, in pixels. A *view* is one of {views}.
"""
_SIMPLE: Final = {
    "integer": "whole number",
    "number": "number",
    "string": "text",
    "boolean": "true or false",
    "null": "none",
    "object": "mapping",
}
_SIZE: Final = ["integer", "string", "array"]


def spec_page() -> str:
    """The whole page, in Markdown."""
    sections: Sections = {}
    parts = [_INTRODUCTION.format(views=_values_as_code(get_args(ViewName)))]
    for title, document in DOCUMENTS:
        known = set(sections)
        _collect_sections(document, "", sections)
        keys = list(document.model_fields)
        new = [model for model in sections if model not in known]
        new.sort(key=lambda model: keys.index(_first_key(model, sections)) if model is not document else -1)
        parts += [f"## {title}\n", *(_spec_section(model, sections) for model in new)]
    return "\n".join(parts)


def _collect_sections(model: type[BaseModel], place: str, sections: Sections) -> None:
    """Add a mapping and all mappings in it, and those whose keys it shares."""
    for base in _base_specs(model):
        sections.setdefault(base, [])
    places = sections.setdefault(model, [])
    if place in places:
        return
    places.append(place)
    for name in _own_keys(model):
        for inner in _specs_in_annotation(model.model_fields[name].annotation):
            _collect_sections(inner, f"{place}.{name}".lstrip("."), sections)


def _spec_section(model: type[BaseModel], sections: Sections) -> str:
    rows = [_key_row(model, name, sections) for name in _own_keys(model)]
    bases = ((_section_title(base, sections), _section_link(base, sections)) for base in _base_specs(model))
    shared = [f"It also takes every key of [{title}]({link}).\n" for title, link in bases]
    table = ["| key | type | default | meaning |\n|---|---|---|---|\n" + "".join(rows)] if rows else []
    return "\n".join(
        [*_section_heading(model, sections), f"{_docstring_on_one_line(model.__doc__)}\n", *shared, *table]
    )


def _key_row(model: type[BaseModel], name: str, sections: Sections) -> str:
    field = model.model_fields[name]
    cells = [
        f"`{field.alias or name}`",
        _type_of_key(_schemas_of_keys(model)[field.alias or name], field, sections),
        _default_of_key(field),
        _docstring_on_one_line(field.description),
    ]
    return f"| {' | '.join(cells)} |\n"


def _schemas_of_keys(model: type[BaseModel]) -> Schema:
    """The JSON schema of each key; a spec that may also be written short has it among its forms."""
    schema = model.model_json_schema()
    forms = [schema, *schema.get("anyOf", ())]
    return next(form["properties"] for form in forms if "properties" in form)


def _type_of_key(schema: Schema, field: FieldInfo, sections: Sections) -> str:
    links = {
        inner.__name__: f"[mapping]({_section_link(inner, sections)})"
        for inner in _specs_in_annotation(field.annotation)
    }
    worded = _schema_in_words(schema, links)
    return worded.replace("text", "path") if Path in _types_in_annotation(field.annotation) else worded


def _schema_in_words(schema: Schema, links: Mapping[str, str]) -> str:
    """A JSON schema in words."""
    kind = str(schema.get("type", ""))
    if "anyOf" in schema or "oneOf" in schema:
        kinds = [one for one in schema.get("anyOf") or schema["oneOf"] if one.get("type") != "null"]
        is_size = [one.get("type") for one in kinds] == _SIZE
        worded = "size" if is_size else " or ".join(_schema_in_words(one, links) for one in kinds)
    elif "$ref" in schema:
        worded = links.get(schema["$ref"].rpartition("/")[2], "anything")
    elif "enum" in schema or "const" in schema:
        choices = tuple(schema.get("enum", [schema.get("const")]))
        worded = "view" if choices == get_args(ViewName) else _values_as_code(choices)
    elif kind == "array" and "prefixItems" in schema:
        worded = (
            f"list of {len(schema['prefixItems'])}: {_schema_in_words(schema['prefixItems'][0], links)} each"
        )
    elif kind == "array":
        worded = f"list of: {_schema_in_words(schema.get('items', {}), links)}"
    elif kind == "object" and isinstance(schema.get("additionalProperties"), dict):
        worded = f"mapping of names to: {_schema_in_words(schema['additionalProperties'], links)}"
    else:
        worded = _SIMPLE.get(kind, "anything") + _bounds_of_schema(schema)
    return worded


def _values_as_code(values: Iterable[object]) -> str:
    return ", ".join('`""`' if value == "" else f"`{value}`" for value in values)


def _bounds_of_schema(schema: Schema) -> str:
    signs = {"minimum": "≥", "exclusiveMinimum": ">", "maximum": "≤", "exclusiveMaximum": "<"}
    bounds = [f"{sign} {schema[key]:.10g}" for key, sign in signs.items() if key in schema]
    return f", {', '.join(bounds)}" if bounds else ""


def _default_of_key(field: FieldInfo) -> str:
    """The default as YAML; nothing where it is none, or where all keys of a mapping have their own."""
    if field.is_required():
        return "required"
    if field.default_factory:
        return ""
    adapter = TypeAdapter[object](field.rebuild_annotation())
    written = adapter.dump_python(field.default, mode="json", exclude_unset=True)
    return "" if written in (None, {}, []) else f"`{_default_as_yaml(written)}`"


def _default_as_yaml(value: object) -> str:
    match value:
        case dict():
            return "{" + ", ".join(f"{key}: {_default_as_yaml(inner)}" for key, inner in value.items()) + "}"
        case list() | tuple():
            return "[" + ", ".join(map(_default_as_yaml, value)) + "]"
        case float():
            return f"{value:g}"
        case str():
            return value or '""'
        case _:
            return json.dumps(value)


def _section_heading(model: type[BaseModel], sections: Sections) -> Iterator[str]:
    if title := _section_title(model, sections):
        yield f"### {title}\n"


def _section_title(model: type[BaseModel], sections: Sections) -> str:
    """The places of a mapping; for keys that several mappings share, those of these mappings."""
    places = sections[model] or [
        f"{_parent_place(place)}.NAME" for place in _places_of_heirs(model, sections)[:1]
    ]
    return ", ".join(f"`{place}`" for place in places if place)


def _places_of_heirs(base: type[BaseModel], sections: Sections) -> list[str]:
    return list(
        chain.from_iterable(places for model, places in sections.items() if base in _base_specs(model))
    )


def _parent_place(place: str) -> str:
    return place.rpartition(".")[0]


def _section_link(model: type[BaseModel], sections: Sections) -> str:
    title = _section_title(model, sections)
    return "#" + "".join(c for c in title.lower().replace(" ", "-") if c.isalnum() or c in "-_")


def _first_key(model: type[BaseModel], sections: Sections) -> str:
    return _section_title(model, sections).strip("`").partition(".")[0].partition("`")[0]


def _base_specs(model: type[BaseModel]) -> list[type[BaseModel]]:
    """The specs whose keys a spec inherits."""
    return [base for base in model.__mro__[1:] if issubclass(base, Spec) and base.model_fields]


def _own_keys(model: type[BaseModel]) -> list[str]:
    """The keys that no base has, without those that a YAML cannot hold."""
    inherited = {name for base in _base_specs(model) for name in base.model_fields}
    return [name for name, field in model.model_fields.items() if name not in inherited and not field.exclude]


def _specs_in_annotation(annotation: Any) -> list[type[BaseModel]]:
    """The specs in the type of a field."""
    return [kind for kind in _types_in_annotation(annotation) if issubclass(kind, Spec)]


def _types_in_annotation(annotation: Any) -> Iterator[type]:
    if isinstance(annotation, type) and not get_args(annotation):
        yield annotation
    for inner in get_args(annotation):
        yield from _types_in_annotation(inner)


def _docstring_on_one_line(text: str | None) -> str:
    return " ".join((text or "").split())


if __name__ == "__main__":
    sys.stdout.write(spec_page())
