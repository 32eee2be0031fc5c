"""Datasets of annotation tools: broken, of another structure, and made to explode."""

# ruff: noqa: E501 (a case is one line)

import base64
import io
import json
import zlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import pyarrow as pa
from PIL import Image
from pyarrow import parquet

from tests.hostile.case import Case, Prepare, both, file

_BIG: Final = "9" * 5000
_LAUGHS: Final = (
    '<!DOCTYPE a [<!ENTITY l0 "ha">'
    + "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">' for n in range(1, 12))
    + "]><annotations><image name='&l11;'/></annotations>"
)
_QUADRATIC: Final = f'<!DOCTYPE a [<!ENTITY b "{"x" * 100_000}">]><annotations>{"&b;" * 20_000}</annotations>'
_EXTERNAL: Final = '<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]><annotations>&x;</annotations>'

JSONS: Final[Mapping[str, str]] = {
    "nothing": "",
    "half": '{"shapes": [',
    "nested": "[" * 100_000,
    "a number": "7",
    "null": "null",
    "a list of null": "[null]",
    "a list of numbers": "[1, 2]",
    "an empty mapping": "{}",
    "a huge number": f'{{"shapes": [{_BIG}]}}',
    "bytes": "\udcff",
}

POINTS: Final[Mapping[str, str]] = {
    "NaN": "[[NaN, NaN], [NaN, 1], [1, NaN]]",
    "infinity": "[[Infinity, 0], [0, 1], [1, 0]]",
    "far outside": "[[1e300, 0], [0, 1e300], [1, 0]]",
    "a huge whole number": f"[[{'9' * 400}, 0], [0, 1], [1, 0]]",
    "texts": '[["a", "b"], ["c", "d"]]',
    "null": "null",
    "numbers": "[1, 2, 3]",
    "none": "[]",
    "one": "[[1, 2]]",
    "a million": "[[1, 1]" + ", [5, 5]" * 300_000 + "]",
    "one axis": "[[1], [2], [3]]",
    "mappings": "[{}, {}, {}]",
}


def cases() -> Iterator[Case]:
    for form, name, put in (*_labelme(), *_label_studio(), *_cvat(), *_yolo(), *_others(), *_parquet()):
        command = ("data", "import", form, "g", "out")
        made = both(lambda folder: (folder / "g/images").mkdir(parents=True), put)
        yield Case(f"{form}: {name}", command, made, expected="either", says="g", writes="out")


def _image(place: str) -> Prepare:
    def prepare(folder: Path) -> None:
        (folder / place).parent.mkdir(parents=True, exist_ok=True)
        (folder / place).write_bytes((folder / "images/0.png").read_bytes())

    return prepare


Named = Iterator[tuple[str, str, Prepare]]


def _labelme() -> Named:
    for name, text in JSONS.items():
        yield "labelme", name, both(_image("g/0.png"), _text("g/0.json", text))
    for kind in ("polygon", "rectangle", "circle"):
        for name, points in POINTS.items():
            text = f'{{"imagePath": "0.png", "shapes": [{{"label": "a", "shape_type": "{kind}", "points": {points}}}]}}'
            yield "labelme", f"{kind} of {name}", both(_image("g/0.png"), _text("g/0.json", text))
    for name, mask in _patches().items():
        text = json.dumps(
            {
                "imagePath": "0.png",
                "shapes": [{"label": "a", "shape_type": "mask", "points": [[0, 0]], "mask": mask}],
            }
        )
        yield "labelme", f"mask: {name}", both(_image("g/0.png"), _text("g/0.json", text))
    for at in ("1e308", "NaN", "Infinity", "-99999999999999999999"):
        text = f'{{"imagePath": "0.png", "shapes": [{{"label": "a", "shape_type": "mask", "points": [[{at}, {at}]], "mask": "{_png()}"}}]}}'
        yield "labelme", f"mask at {at}", both(_image("g/0.png"), _text("g/0.json", text))
    for name, path in {
        "above": "../../../etc/passwd",
        "a device": "/dev/zero",
        "NUL": "a\0b",
        "long": "a" * 5000,
        "a list": ["x"],
        "a pipe": "/proc/self/fd/0",
    }.items():
        text = json.dumps({"imagePath": path, "shapes": []})
        yield "labelme", f"an image {name}", _text("g/0.json", text)
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
            both(_image("g/0.png"), _text("g/0.json", json.dumps({"imagePath": "0.png", "shapes": [shape]}))),
        )
    many = [{"label": f"c{n}", "points": [[1, 1], [9, 1], [9, 9]]} for n in range(5000)]
    yield (
        "labelme",
        "5,000 labels",
        both(_image("g/0.png"), _text("g/0.json", json.dumps({"imagePath": "0.png", "shapes": many}))),
    )


def _label_studio() -> Named:
    for name, text in JSONS.items():
        yield "label-studio", name, both(_image("g/0.png"), _text("g/e.json", text))
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
    return both(_image("g/0.png"), _text("g/e.json", text.replace('"POINTS"', points)))


def _cvat() -> Named:
    for name, text in {
        "nothing": "",
        "half": "<annotations>",
        "text": "hello",
        "a billion laughs": _LAUGHS,
        "a quadratic explosion": _QUADRATIC,
        "a file outside": _EXTERNAL,
        "an unknown encoding": '<?xml version="1.0" encoding="klingon"?><a/>',
        "UTF-16 that is none": '<?xml version="1.0" encoding="utf-16"?><a/>',
        "nested": "<a>" * 200_000,
        "nested and closed": "<a>" * 200_000 + "</a>" * 200_000,
        "an image without a name": "<annotations><image/></annotations>",
    }.items():
        yield "cvat", name, both(_image("g/0.png"), _text("g/annotations.xml", text))
    for name, inner in {
        "points of words": '<polygon label="a" points="x,y;z"/>',
        "points of NaN": '<polygon label="a" points="nan,nan;1,1;2,2"/>',
        "no points": '<polygon label="a"/>',
        "no label": '<polygon points="1,1;2,2;3,1"/>',
        "a box of infinity": '<box label="a" xtl="inf" ytl="0" xbr="-inf" ybr="1"/>',
        "an ellipse of huge axes": '<ellipse label="a" cx="1" cy="1" rx="1e300" ry="1e300"/>',
        "a mask of billions": '<mask label="a" left="0" top="0" width="100000" height="100000" rle="10000000000"/>',
        "a mask of negative runs": '<mask label="a" left="0" top="0" width="2" height="2" rle="-1,5"/>',
        "a mask of huge numbers": f'<mask label="a" left="0" top="0" width="2" height="2" rle="{_BIG}"/>',
        "a mask of 40 digits": f'<mask label="a" left="0" top="0" width="2" height="2" rle="{"9" * 40}"/>',
        "a mask far away": '<mask label="a" left="1e300" top="-1e300" width="2" height="2" rle="4"/>',
        "a mask at NaN": '<mask label="a" left="nan" top="inf" width="2" height="2" rle="4"/>',
        "a mask of negative size": '<mask label="a" left="0" top="0" width="-2" height="-2" rle="4"/>',
        "a mask of no size": '<mask label="a" left="0" top="0" width="0" height="0" rle="0"/>',
    }.items():
        text = f'<annotations><image name="0.png">{inner}</image></annotations>'
        yield "cvat", name, both(_image("g/0.png"), _text("g/annotations.xml", text))


def _yolo() -> Named:
    for name, text in {
        "nothing": "",
        "a list": "[1]",
        "anchors that explode": "a0: &a0 [x]\n"
        + "".join(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]\n" for n in range(1, 10))
        + "names: *a9\ntrain: images\n",
        "an anchor of itself": "names: &a [*a]\ntrain: images\n",
        "code": "names: !!python/object/apply:os.system ['touch ran']\ntrain: images\n",
        "names of a number": "names: 7\ntrain: images\n",
        "keys of two types": "names: {0: a, b: c}\ntrain: images\n",
        "a folder above": "names: [a]\ntrain: ../../../../../\n",
        "a folder of a mapping": "names: [a]\ntrain: {a: b}\n",
        "NUL": 'names: [a]\ntrain: "a\\0b"\n',
        "a path that is long": f"names: [a]\ntrain: {'a' * 5000}\n",
        "nested": "names: " + "[" * 20_000,
        "a long number": f"names: [{_BIG}]\ntrain: images\n",
        "names twice": "names: [a, a]\ntrain: images\n",
        "no names": "names: []\ntrain: images\n",
    }.items():
        yield (
            "yolo",
            name,
            both(
                _image("g/images/0.png"),
                _text("g/data.yaml", text),
                _text("g/labels/0.txt", "0 0 0 1 0 1 1\n"),
            ),
        )
    for name, line in {
        "words": "a b c",
        "NaN": "nan nan nan nan nan nan nan",
        "NaN points": "0 nan nan 1 1 0 1",
        "infinity": "inf 0 0 1 1 0 1",
        "far": "0 1e300 1e300 1 1 0 1",
        "odd": "0 0 0 1 1 0 1 1",
        "a class between": "0.5 0 0 1 0 1 1",
        "a class beyond": "9 0 0 1 0 1 1",
        "a negative class": "-1 0 0 1 0 1 1",
        "a million points": "0 " + "0.5 0.5 " * 500_000,
        "bytes": "\udcff\udcfe 1",
    }.items():
        yield (
            "yolo",
            f"a line: {name}",
            both(
                _image("g/images/0.png"),
                _text("g/data.yaml", "names: [a]\ntrain: images\n"),
                _text("g/labels/0.txt", line),
            ),
        )


def _others() -> Named:
    for name, text in JSONS.items():
        yield (
            "supervisely",
            f"meta: {name}",
            both(_image("g/d/img/0.png"), _text("g/meta.json", text), _text("g/d/ann/0.png.json", "{}")),
        )
        yield (
            "supervisely",
            name,
            both(
                _image("g/d/img/0.png"),
                _text("g/meta.json", '{"classes": [{"title": "a"}]}'),
                _text("g/d/ann/0.png.json", text),
            ),
        )
        yield "geojson", name, both(_image("g/0.png"), _text("g/0.geojson", text))
        yield (
            "mapillary",
            name,
            both(
                _image("g/training/images/0.png"),
                _image("g/training/labels/0.png"),
                _text("g/config.json", text),
            ),
        )
        yield (
            "huggingface",
            f"names: {name}",
            both(_rows("g/a.parquet", "image", "label"), _text("g/id2label.json", text)),
        )
    for name, data in _bitmaps().items():
        for at in ([0, 0], [10**400, 0], [-(10**30), 5]):
            one = {"geometryType": "bitmap", "classTitle": "a", "bitmap": {"data": data, "origin": at}}
            text = json.dumps({"objects": [one]})
            yield (
                "supervisely",
                f"bitmap of {name} at {str(at)[:9]}",
                both(
                    _image("g/d/img/0.png"),
                    _text("g/meta.json", '{"classes": [{"title": "a"}]}'),
                    _text("g/d/ann/0.png.json", text),
                ),
            )
    for name, points in POINTS.items():
        feature = (
            f'{{"features": [{{"geometry": {{"type": "Polygon", "coordinates": [{points}, {points}]}}}}]}}'
        )
        yield "geojson", f"rings of {name}", both(_image("g/0.png"), _text("g/0.geojson", feature))
    for name, feature in {
        "no geometry": "{}",
        "a geometry of text": '{"geometry": "x"}',
        "a class of a list": '{"geometry": {"type": "Polygon", "coordinates": [[[0,0],[9,0],[9,9]]]}, "properties": {"class": [1]}}',
        "properties of a list": '{"geometry": {"type": "Polygon", "coordinates": [[[0,0],[9,0],[9,9]]]}, "properties": [1]}',
        "no ring": '{"geometry": {"type": "Polygon", "coordinates": []}}',
    }.items():
        yield "geojson", name, both(_image("g/0.png"), _text("g/0.geojson", f'{{"features": [{feature}]}}'))
    for name, text in {
        "crs of a list": '{"crs": [], "features": []}',
        "crs of null": '{"crs": null, "features": []}',
        "no feature": '{"features": []}',
        "features of a number": '{"features": 3}',
    }.items():
        yield "geojson", name, both(_image("g/0.png"), _text("g/0.geojson", text))
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
                _image("g/training/images/0.png"),
                _copied_mask("g/training/labels/0.png"),
                _text("g/config.json", text),
            ),
        )


def _copied_mask(place: str) -> Prepare:
    def prepare(folder: Path) -> None:
        (folder / place).parent.mkdir(parents=True, exist_ok=True)
        (folder / place).write_bytes((folder / "masks/0.png").read_bytes())

    return prepare


def _parquet() -> Named:
    for name, content in {
        "nothing": b"",
        "text": b"hello",
        "a magic": b"PAR1",
        "two magics": b"PAR1\xff\xff\xff\x7fPAR1",
        "junk between": b"PAR1" + bytes(range(256)) * 9 + b"\x10\0\0\0PAR1",
    }.items():
        yield "huggingface", name, file("g/a.parquet", content)
    yield "huggingface", "other columns", _rows("g/a.parquet", "x", "y")
    for name, row in {
        "null": {"bytes": None},
        "text": {"bytes": b"hello"},
        "a path alone": {"path": "x"},
    }.items():
        yield (
            "huggingface",
            f"masks of {name}",
            _table(pa.table({"image": [{"bytes": _png_bytes()}], "label": [row]})),
        )
        yield (
            "huggingface",
            f"images of {name}",
            _table(pa.table({"image": [row], "label": [{"bytes": _png_bytes()}]})),
        )
    yield "huggingface", "numbers", _table(pa.table({"image": [1], "label": [2]}))
    yield (
        "huggingface",
        "other sizes",
        _table(pa.table({"image": [{"bytes": _png_bytes((9, 9))}], "label": [{"bytes": _png_bytes()}]})),
    )
    yield (
        "huggingface",
        "text in place of an image",
        _table(pa.table({"image": [{"bytes": b"hello"}], "label": [{"bytes": _png_bytes()}]})),
    )
    yield (
        "huggingface",
        "a column twice",
        _table(
            pa.Table.from_arrays([pa.array([1]), pa.array([1]), pa.array([2])], ["image", "image", "label"])
        ),
    )
    yield (
        "huggingface",
        "much that is packed",
        _table(pa.table({"image": [{"bytes": _png_bytes()}], "label": [{"bytes": bytes(5_000_000)}]})),
    )

    whole = io.BytesIO()
    parquet.write_table(
        pa.table({"image": [{"bytes": _png_bytes()}] * 40, "label": [{"bytes": _png_bytes()}] * 40}), whole
    )
    content = whole.getvalue()
    for place in range(8, len(content), max(1, len(content) // 40)):
        flipped = bytearray(content)
        flipped[place] ^= 0x55
        yield "huggingface", f"byte {place}", file("g/a.parquet", bytes(flipped))


def _table(table: pa.Table) -> Prepare:
    return lambda folder: parquet.write_table(table, folder / "g/a.parquet")


def _rows(place: str, image: str, mask: str) -> Prepare:
    return lambda folder: parquet.write_table(
        pa.table({image: [{"bytes": _png_bytes()}], mask: [{"bytes": _png_bytes()}]}), folder / place
    )


def _png_bytes(size: tuple[int, int] = (18, 24)) -> bytes:
    stream = io.BytesIO()
    Image.new("L", size).save(stream, "png")
    return stream.getvalue()


def _png() -> str:
    return base64.b64encode(_png_bytes()).decode()


def _patches() -> Mapping[str, Any]:
    return {
        "nothing": "",
        "text": "hello!",
        "a number": 7,
        "letters that are none": "ä",
        "a cut PNG": base64.b64encode(_png_bytes()[:40]).decode(),
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
    import struct

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    head = chunk(b"IHDR", struct.pack(">IIBBBBB", side, side, 8, 0, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + head + chunk(b"IDAT", zlib.compress(bytes(1000))) + chunk(b"IEND", b"")


def _bitmaps() -> Mapping[str, str]:
    return {
        "a PNG": base64.b64encode(zlib.compress(_png_bytes())).decode(),
        "text": "hello!",
        "zeros": base64.b64encode(zlib.compress(bytes(300_000_000), 9)).decode(),
        "a cut stream": base64.b64encode(zlib.compress(_png_bytes())[:-9]).decode(),
    }


def _text(place: str, text: str) -> Prepare:
    return file(place, text.encode("utf-8", "surrogateescape"))
