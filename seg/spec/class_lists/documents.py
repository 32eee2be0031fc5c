"""Class lists in documents: YOLO's `data.yaml`, Supervisely's `meta.json`, Mapillary's `config.json`."""

import json
from typing import Any

from seg.spec.class_lists.tables import parse_colour
from seg.spec.yaml.yaml_text import parse_plain_yaml


def read_class_list_yaml(text: str) -> list[dict[str, Any]]:
    """The `names` of a YAML: a list, or a mapping of ids to names; raises ValueError."""
    document = parse_plain_yaml(text)
    names = document.get("names") if isinstance(document, dict) else None
    if isinstance(names, list):
        names = dict(enumerate(names))
    if not isinstance(names, dict):
        raise ValueError(" has no 'names'")
    return [{"name": str(name), "id": number} for number, name in names.items()]


def read_class_list_json(text: str) -> list[dict[str, Any]]:
    """The `classes` (Supervisely), `labels` (Mapillary, nnU-Net), `categories` (COCO), or names and ids.

    Raises:
        ValueError: there are none.
    """
    try:
        document = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ValueError(f" is no JSON: {error}") from error
    keys = ("classes", "labels", "categories")
    entries = (
        next((document[key] for key in keys if key in document), None) if isinstance(document, dict) else None
    )
    if found := _classes_of_mapping(document if entries is None else entries):
        return found
    if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
        raise ValueError(" has no list of 'classes', 'labels' or 'categories'")
    return [_class_of_json_entry(position, entry) for position, entry in enumerate(entries)]


def _classes_of_mapping(document: Any) -> list[dict[str, Any]]:
    """The classes of ids by name (nnU-Net) or of names by id (Hugging Face); empty for anything else."""
    if not isinstance(document, dict):
        return []
    if _are_consecutive(list(document.values())):
        return [{"name": name, "id": number} for name, number in document.items()]
    if all(key.isdecimal() and isinstance(name, str) for key, name in document.items()):
        return [{"name": name, "id": int(key)} for key, name in document.items()]
    return []


def _are_consecutive(numbers: list[Any]) -> bool:
    """Whether these are the whole numbers from 0 or 1 on, as ids are, and not the values of some settings."""
    first = min(numbers) if numbers and all(type(number) is int for number in numbers) else None
    return first in (0, 1) and sorted(numbers) == list(range(first, first + len(numbers)))


def _class_of_json_entry(position: int, entry: dict[str, Any]) -> dict[str, Any]:
    name = entry.get("title") or entry.get("readable") or entry.get("name")
    if not name:
        raise ValueError(f" entry {position} has no 'title' or 'name'")
    found: dict[str, Any] = {"name": str(name)}
    colour = entry.get("color")
    if colour:
        found["colour"] = parse_colour(colour) if isinstance(colour, str) else list(colour)
    # Supervisely's ids are those of its database, and no pixel values.
    if "title" not in entry and isinstance(entry.get("id"), int):
        found["id"] = entry["id"]
    return found
