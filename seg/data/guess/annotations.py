"""Layouts of annotation tools, which `seg data import` reads: recognised by their files."""

import json
from pathlib import Path
from typing import Any

from seg.data.guess.result import Guess
from seg.data.guess.survey import FolderSurvey

_START = 1 << 16


def guess_annotations(found: FolderSurvey) -> Guess | None:
    """labelme, Label Studio, CVAT, VIA, YOLO, Supervisely, GeoJSON and Hugging Face; None for others."""
    if found.of_kind(".parquet"):
        return Guess("a Hugging Face dataset in parquet files", import_format="huggingface")
    if _has_yolo_layout(found):
        return Guess("YOLO outlines: a text for each image, of polygons in 0..1", import_format="yolo")
    if any("<annotations" in text_at_start(path) for path in found.of_kind(".xml")):
        return Guess("a CVAT export: outlines in XML", import_format="cvat")
    if any(map(_is_of_via, [*found.of_kind(".json")[:20], *found.of_kind(".csv")[:20]])):
        return Guess("outlines of the VGG Image Annotator", import_format="via")
    return _guess_json_annotations(found)


def _guess_json_annotations(found: FolderSurvey) -> Guess | None:
    files = found.of_kind(".json")
    if found.named("meta.json") and any(path.parent.name == "ann" for path in files):
        return Guess("a Supervisely project", import_format="supervisely")
    for path in files[:20]:
        head = text_at_start(path)
        if '"shapes"' in head and '"imagePath"' in _text_of_annotations(path):
            return Guess("labelme: a JSON for each image", import_format="labelme")
        if (
            head.lstrip().startswith("[")
            and '"annotations"' in head
            and '"data"' in _text_of_annotations(path)
        ):
            return Guess("a Label Studio export in JSON", import_format="label-studio")
    geojson = [path for path in (*files, *found.of_kind(".geojson")) if _is_geojson(path)]
    if geojson and not found.of_kind(".csv"):
        return Guess("outlines in GeoJSON", import_format="geojson")
    return None


def _has_yolo_layout(found: FolderSurvey) -> bool:
    """A `data.yaml`, and a text of numbers in a folder `labels` for an image in `images`, or beside it."""
    images = {path.stem for path in found.images}
    texts = [path for path in found.of_kind(".txt") if path.stem in images][:20]
    return bool(texts) and all(_has_yolo_polygons(path) for path in texts)


def _has_yolo_polygons(path: Path) -> bool:
    try:
        rows = [
            [float(value) for value in line.split()]
            for line in _text_of_annotations(path).splitlines()
            if line.strip()
        ]
    except ValueError:
        return False
    return all(
        len(row) > 6 and row[0] == int(row[0]) and 0 <= min(row[1:]) <= max(row[1:]) <= 1 for row in rows
    )


def _is_of_via(path: Path) -> bool:
    """A JSON with the regions of images, or a CSV with a column for them."""
    head = text_at_start(path)
    if path.suffix.lower() == ".csv":
        return "region_shape_attributes" in head.partition("\n")[0]
    return '"regions"' in head and '"shape_attributes"' in _text_of_annotations(path)


def _is_geojson(path: Path) -> bool:
    head = text_at_start(path)
    return '"geometry"' in head and '"coordinates"' in head


def text_at_start(path: Path) -> str:
    """The first 64 KiB of a text."""
    with path.open("rb") as file:
        return file.read(_START).decode("utf-8", errors="replace")


def _text_of_annotations(path: Path) -> str:
    return path.read_bytes().decode("utf-8", errors="replace")


def json_or_none(path: Path) -> Any:
    """A JSON, or None if it is none."""
    try:
        return json.loads(path.read_bytes())
    except (ValueError, RecursionError):
        return None
