"""Datasets of annotation tools: broken, of another structure, and made to explode."""

from collections.abc import Iterator

from tests.hostile.case import Case, both
from tests.hostile.imports.json_tools import json_tools, via
from tests.hostile.imports.parquet_files import parquet_files
from tests.hostile.imports.polygons_and_brushes import label_studio, labelme
from tests.hostile.imports.xml_and_text import cvat, yolo


def cases() -> Iterator[Case]:
    text_files = (*labelme(), *label_studio(), *cvat(), *via(), *yolo(), *json_tools())
    for form, name, put in (*text_files, *parquet_files()):
        command = ("data", "import", form, "g", "out")
        made = both(lambda folder: (folder / "g/images").mkdir(parents=True), put)
        yield Case(f"{form}: {name}", command, made, expected="either", says="g", writes="out")
