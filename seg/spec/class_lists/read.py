"""Read a class list by the ending of its file: text, CSV, YAML or JSON."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

from seg.files.atomic import regular_file
from seg.spec.class_lists.documents import read_class_list_json, read_class_list_yaml
from seg.spec.class_lists.lines import read_class_list_lines
from seg.spec.class_lists.tables import read_class_list_table

ClassValues = dict[str, Any]
"""One class as in a dataset YAML: `name`, and `id` and `colour` where the list has them."""

CLASS_LIST_NAMES: Final = (
    "label_colors.txt",
    "class_dict.csv",
    "labelmap.txt",
    "_classes.csv",
    "objectInfo150.txt",
    "data.yaml",
    "meta.json",
    "config.json",
    "classes.txt",
    "dataset.json",
    "id2label.json",
    "classes.json",
)
"""File names under which datasets and tools write class lists."""

_READERS: Final[Mapping[str, Callable[[str], list[ClassValues]]]] = {
    ".txt": read_class_list_lines,
    ".names": read_class_list_lines,
    ".csv": read_class_list_table,
    ".tsv": read_class_list_table,
    ".yaml": read_class_list_yaml,
    ".yml": read_class_list_yaml,
    ".json": read_class_list_json,
}


def read_class_list(path: Path) -> list[ClassValues]:
    """The classes of a file, in its order.

    Raises:
        ValueError: it is missing, or of no known form; the message has its name and line.
    """
    read = _READERS.get(path.suffix.lower())
    if read is None:
        raise ValueError(f"{path}: is no class list: its ending is one of {', '.join(_READERS)}")
    try:
        text = regular_file(path).read_bytes().decode("utf-8-sig")
    except OSError as error:
        raise ValueError(f"{path}: cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise ValueError(f"{path}: is not UTF-8 text") from error
    try:
        classes = read(text)
    except ValueError as error:
        raise ValueError(f"{path}:{error}") from error
    if not classes:
        raise ValueError(f"{path}: names no class")
    return classes
