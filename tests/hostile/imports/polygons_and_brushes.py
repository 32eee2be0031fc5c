"""Labelme and Label Studio."""

# ruff: noqa: E501 (a case is one line)

import base64
import json
import struct
import zlib
from collections.abc import Mapping
from typing import Any

from tests.hostile.case import Prepare, both
from tests.hostile.imports.parts import JSONS, POINTS, Named, copied_image, png_bytes, png_text, written


def labelme() -> Named:
    for name, text in JSONS.items():
        yield "labelme", name, both(copied_image("g/0.png"), written("g/0.json", text))
    for kind in ("polygon", "rectangle", "circle"):
        for name, points in POINTS.items():
            text = f'{{"imagePath": "0.png", "shapes": [{{"label": "a", "shape_type": "{kind}", "points": {points}}}]}}'
            yield "labelme", f"{kind} of {name}", both(copied_image("g/0.png"), written("g/0.json", text))
    for name, mask in _patches().items():
        text = json.dumps(
            {
                "imagePath": "0.png",
                "shapes": [{"label": "a", "shape_type": "mask", "points": [[0, 0]], "mask": mask}],
            }
        )
        yield "labelme", f"mask: {name}", both(copied_image("g/0.png"), written("g/0.json", text))
    for at in ("1e308", "NaN", "Infinity", "-99999999999999999999"):
        text = f'{{"imagePath": "0.png", "shapes": [{{"label": "a", "shape_type": "mask", "points": [[{at}, {at}]], "mask": "{png_text()}"}}]}}'
        yield "labelme", f"mask at {at}", both(copied_image("g/0.png"), written("g/0.json", text))
    for name, path in {
        "above": "../../../etc/passwd",
        "a device": "/dev/zero",
        "NUL": "a\0b",
        "long": "a" * 5000,
        "a list": ["x"],
        "a pipe": "/proc/self/fd/0",
    }.items():
        text = json.dumps({"imagePath": path, "shapes": []})
        yield "labelme", f"an image {name}", written("g/0.json", text)
    for name, label in {
        "a number": 7,
        "a mapping": {},
        "lines": "a\nb: [",
        "long": "a" * 1_000_000,
        "a surrogate": "\ud800",
        "ignore": "ignore",
        "nothing": "",
    }.items():
        shape = {"label": label, "points": [[1, 1], [9, 1], [9, 9]]}
        yield (
            "labelme",
            f"a label: {name}",
            both(
                copied_image("g/0.png"),
                written("g/0.json", json.dumps({"imagePath": "0.png", "shapes": [shape]})),
            ),
        )
    many = [{"label": f"c{n}", "points": [[1, 1], [9, 1], [9, 9]]} for n in range(5000)]
    yield (
        "labelme",
        "5,000 labels",
        both(
            copied_image("g/0.png"), written("g/0.json", json.dumps({"imagePath": "0.png", "shapes": many}))
        ),
    )


def label_studio() -> Named:
    for name, text in JSONS.items():
        yield "label-studio", name, both(copied_image("g/0.png"), written("g/e.json", text))
    value: Any
    for name, value in {
        "a brush of nothing": {"rle": [], "brushlabels": ["a"]},
        "a brush of texts": {"rle": ["x"], "brushlabels": ["a"]},
        "a brush beyond bytes": {"rle": [300, -1], "brushlabels": ["a"]},
        "a brush that claims much": {"rle": [255] * 100, "brushlabels": ["a"]},
        "a brush of zeros": {"rle": [0, 0, 6, 192, *[0] * 100_000], "brushlabels": ["a"]},
        "a brush that is nested": {"rle": [[1]], "brushlabels": ["a"]},
        "labels of numbers": {"rle": [0], "brushlabels": 7},
    }.items():
        yield "label-studio", name, _task("brushlabels", value)
    for name, points in POINTS.items():
        yield (
            "label-studio",
            f"polygon of {name}",
            _task("polygonlabels", {"points": "POINTS", "polygonlabels": ["a"]}, points),
        )
    for name, number in {
        "NaN": float("nan"),
        "infinity": float("inf"),
        "text": "x",
        "huge": 10**400,
        "null": None,
    }.items():
        box = {"x": number, "y": 0, "width": 5, "height": 5, "rotation": number, "rectanglelabels": ["a"]}
        yield "label-studio", f"box of {name}", _task("rectanglelabels", box)


def _task(kind: str, value: dict[str, Any], points: str = "") -> Prepare:
    result = {"type": kind, "value": value, "original_width": 18, "original_height": 24}
    text = json.dumps([{"data": {"image": "0.png"}, "annotations": [{"result": [result]}]}])
    return both(copied_image("g/0.png"), written("g/e.json", text.replace('"POINTS"', points)))


def _patches() -> Mapping[str, Any]:
    return {
        "nothing": "",
        "text": "hello!",
        "a number": 7,
        "letters that are none": "ä",
        "a cut PNG": base64.b64encode(png_bytes()[:40]).decode(),
        "a PNG of billions": base64.b64encode(
            b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\x7f\xff\xff\xff\x7f\xff\xff\xff\x08\0\0\0\0" + bytes(4)
        ).decode(),
        "a PNG of 60,000 squared": base64.b64encode(_claims(60_000)).decode(),
        "a PNG of 8,000 squared": base64.b64encode(_claims(8_000)).decode(),
        "a cut TIFF": base64.b64encode(b"II*\0\x08\0\0\0\xff\xff" + bytes(100)).decode(),
        "PostScript": base64.b64encode(b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n").decode(),
        "a GIF": base64.b64encode(
            b"GIF89a\xff\xff\xff\xff\xf7\0\0" + bytes(768) + b",\0\0\0\0\xff\xff\xff\xff\0\x08"
        ).decode(),
        "a DDS": base64.b64encode(b"DDS |\0\0\0" + b"\xff" * 200).decode(),
        "an ICNS": base64.b64encode(b"icns\0\0\0\x10ic08\0\0\0\x08").decode(),
        "a FITS": base64.b64encode(b"SIMPLE  =                    T" + b" " * 3000).decode(),
    }


def _claims(side: int) -> bytes:

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    head = chunk(b"IHDR", struct.pack(">IIBBBBB", side, side, 8, 0, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + head + chunk(b"IDAT", zlib.compress(bytes(1000))) + chunk(b"IEND", b"")
