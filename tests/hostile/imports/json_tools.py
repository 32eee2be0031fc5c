"""Supervisely, GeoJSON, Mapillary and the VGG Image Annotator."""

# ruff: noqa: E501 (a case is one line)

import base64
import json
import zlib
from collections.abc import Mapping
from pathlib import Path

from tests.hostile.case import Prepare, both
from tests.hostile.imports.parquet_files import rows
from tests.hostile.imports.parts import BIG, JSONS, POINTS, Named, copied_image, png_bytes, written


def json_tools() -> Named:
    for name, text in JSONS.items():
        yield (
            "supervisely",
            f"meta: {name}",
            both(
                copied_image("g/d/img/0.png"),
                written("g/meta.json", text),
                written("g/d/ann/0.png.json", "{}"),
            ),
        )
        yield (
            "supervisely",
            name,
            both(
                copied_image("g/d/img/0.png"),
                written("g/meta.json", '{"classes": [{"title": "a"}]}'),
                written("g/d/ann/0.png.json", text),
            ),
        )
        yield "geojson", name, both(copied_image("g/0.png"), written("g/0.geojson", text))
        yield "via", name, both(copied_image("g/0.png"), written("g/via.json", text))
        yield "via", f"CSV of {name}", both(copied_image("g/0.png"), written("g/via.csv", text))
        yield (
            "mapillary",
            name,
            both(
                copied_image("g/training/images/0.png"),
                copied_image("g/training/labels/0.png"),
                written("g/config.json", text),
            ),
        )
        yield (
            "huggingface",
            f"names: {name}",
            both(rows("g/a.parquet", "image", "label"), written("g/id2label.json", text)),
        )
    for name, data in _bitmaps().items():
        for at in ([0, 0], [10**400, 0], [-(10**30), 5]):
            one = {"geometryType": "bitmap", "classTitle": "a", "bitmap": {"data": data, "origin": at}}
            text = json.dumps({"objects": [one]})
            yield (
                "supervisely",
                f"bitmap of {name} at {str(at)[:9]}",
                both(
                    copied_image("g/d/img/0.png"),
                    written("g/meta.json", '{"classes": [{"title": "a"}]}'),
                    written("g/d/ann/0.png.json", text),
                ),
            )
    for name, points in POINTS.items():
        feature = (
            f'{{"features": [{{"geometry": {{"type": "Polygon", "coordinates": [{points}, {points}]}}}}]}}'
        )
        yield "geojson", f"rings of {name}", both(copied_image("g/0.png"), written("g/0.geojson", feature))
    for name, feature in {
        "no geometry": "{}",
        "a geometry of text": '{"geometry": "x"}',
        "a class of a list": '{"geometry": {"type": "Polygon", "coordinates": [[[0,0],[9,0],[9,9]]]}, "properties": {"class": [1]}}',
        "properties of a list": '{"geometry": {"type": "Polygon", "coordinates": [[[0,0],[9,0],[9,9]]]}, "properties": [1]}',
        "no ring": '{"geometry": {"type": "Polygon", "coordinates": []}}',
    }.items():
        yield (
            "geojson",
            name,
            both(copied_image("g/0.png"), written("g/0.geojson", f'{{"features": [{feature}]}}')),
        )
    for name, text in {
        "crs of a list": '{"crs": [], "features": []}',
        "crs of null": '{"crs": null, "features": []}',
        "no feature": '{"features": []}',
        "features of a number": '{"features": 3}',
    }.items():
        yield "geojson", name, both(copied_image("g/0.png"), written("g/0.geojson", text))
    for name, text in {
        "no name": '{"labels": [{}]}',
        "labels of a number": '{"labels": 3}',
        "100,000 classes": json.dumps({"labels": [{"readable": f"c{n}"} for n in range(100_000)]}),
        "a class twice": '{"labels": [{"readable": "a"}, {"readable": "a"}]}',
    }.items():
        yield (
            "mapillary",
            name,
            both(
                copied_image("g/training/images/0.png"),
                _copied_mask("g/training/labels/0.png"),
                written("g/config.json", text),
            ),
        )


def via() -> Named:
    for kind, keys in {
        "polygon": ("all_points_x", "all_points_y"),
        "rect": ("x", "y", "width", "height"),
        "circle": ("cx", "cy", "r"),
        "ellipse": ("cx", "cy", "rx", "ry", "theta"),
    }.items():
        for value in (
            "NaN",
            "Infinity",
            "1e308",
            "9" * 400,
            BIG,
            '"a"',
            "null",
            "[]",
            "{}",
            "[[1], [2], [3]]",
            "-7",
        ):
            given = f"[{value}, {value}, 3]" if kind == "polygon" else value
            numbers = "".join(f', "{key}": {given}' for key in keys)
            shape = f'{{"name": "{kind}"{numbers}}}'
            yield "via", f"{kind} of {value[:9]} ({len(value)})", _via_region(shape, '{"class": "a"}')
    rect = '{"name": "rect", "x": 1, "y": 1, "width": 5, "height": 5}'
    for name, attributes in {
        "a list": "[1]",
        "a number": "7",
        "null": "null",
        "lines": '{"a\\nb": "c\\nd: ["}',
        "a class of lists": '{"class": [["a"]]}',
        "a class of null": '{"class": null}',
        "a surrogate": '{"class": "\\ud800"}',
        "10,000 attributes": json.dumps({f"a{n}": "b" for n in range(10_000)}),
        "10,000 ticks": json.dumps({"class": {f"a{n}": True for n in range(10_000)}}),
    }.items():
        yield "via", f"attributes: {name}", _via_region(rect, attributes)
    for name, image in {
        "above": "../../../etc/passwd",
        "a device": "/dev/zero",
        "NUL": "a\0b",
        "long": "a" * 5000,
        "lines": "a\nb",
        "a list": ["x"],
    }.items():
        text = json.dumps({"0": {"filename": image, "regions": []}})
        yield "via", f"an image {name}", both(copied_image("g/0.png"), written("g/via.json", text))


def _via_region(shape: str, attributes: str) -> Prepare:
    region = f'{{"shape_attributes": {shape}, "region_attributes": {attributes}}}'
    text = f'{{"0.png9": {{"filename": "0.png", "regions": [{region}]}}}}'
    return both(copied_image("g/0.png"), written("g/via.json", text))


def _copied_mask(place: str) -> Prepare:
    def prepare(folder: Path) -> None:
        (folder / place).parent.mkdir(parents=True, exist_ok=True)
        (folder / place).write_bytes((folder / "masks/0.png").read_bytes())

    return prepare


def _bitmaps() -> Mapping[str, str]:
    return {
        "a PNG": base64.b64encode(zlib.compress(png_bytes())).decode(),
        "text": "hello!",
        "zeros": base64.b64encode(zlib.compress(bytes(300_000_000), 9)).decode(),
        "a cut stream": base64.b64encode(zlib.compress(png_bytes())[:-9]).decode(),
    }
