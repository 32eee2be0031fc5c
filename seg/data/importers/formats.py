"""The formats that can be imported, by name."""

from importlib import import_module
from typing import Final, Literal, get_args

from seg.data.importers.base import Importer
from seg.errors import SpecError
from seg.spec.base import did_you_mean

Format = Literal[
    "labelme", "label-studio", "cvat", "via", "yolo", "supervisely", "mapillary", "geojson", "huggingface"
]
FORMATS: Final[tuple[Format, ...]] = get_args(Format)


def importer_of(name: Format) -> Importer:
    """The reader of a format, whose module is loaded only now."""
    module = name.replace("-", "_")
    importer: Importer = getattr(import_module(f"seg.data.importers.readers.{module}"), f"read_{module}")
    return importer


def parse_import_format(text: str) -> Format:
    """Check a format's name; raises SpecError with the nearest name."""
    for name in FORMATS:
        if text == name:
            return name
    raise SpecError(f"unknown format {text!r}: {did_you_mean(text, FORMATS)}")
