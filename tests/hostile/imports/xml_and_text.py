"""CVAT's XML and YOLO's texts."""

# ruff: noqa: E501 (a case is one line)

from typing import Final

from tests.hostile.case import both
from tests.hostile.imports.parts import BIG, Named, copied_image, written

_LAUGHS: Final = (
    '<!DOCTYPE a [<!ENTITY l0 "ha">'
    + "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">' for n in range(1, 12))
    + "]><annotations><image name='&l11;'/></annotations>"
)

_QUADRATIC: Final = f'<!DOCTYPE a [<!ENTITY b "{"x" * 100_000}">]><annotations>{"&b;" * 20_000}</annotations>'

_EXTERNAL: Final = '<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]><annotations>&x;</annotations>'


def cvat() -> Named:
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
        yield "cvat", name, both(copied_image("g/0.png"), written("g/annotations.xml", text))
    for name, inner in {
        "points of words": '<polygon label="a" points="x,y;z"/>',
        "points of NaN": '<polygon label="a" points="nan,nan;1,1;2,2"/>',
        "no points": '<polygon label="a"/>',
        "no label": '<polygon points="1,1;2,2;3,1"/>',
        "a box of infinity": '<box label="a" xtl="inf" ytl="0" xbr="-inf" ybr="1"/>',
        "an ellipse of huge axes": '<ellipse label="a" cx="1" cy="1" rx="1e300" ry="1e300"/>',
        "a mask of billions": '<mask label="a" left="0" top="0" width="100000" height="100000" rle="10000000000"/>',
        "a mask of negative runs": '<mask label="a" left="0" top="0" width="2" height="2" rle="-1,5"/>',
        "a mask of huge numbers": f'<mask label="a" left="0" top="0" width="2" height="2" rle="{BIG}"/>',
        "a mask of 40 digits": f'<mask label="a" left="0" top="0" width="2" height="2" rle="{"9" * 40}"/>',
        "a mask far away": '<mask label="a" left="1e300" top="-1e300" width="2" height="2" rle="4"/>',
        "a mask at NaN": '<mask label="a" left="nan" top="inf" width="2" height="2" rle="4"/>',
        "a mask of negative size": '<mask label="a" left="0" top="0" width="-2" height="-2" rle="4"/>',
        "a mask of no size": '<mask label="a" left="0" top="0" width="0" height="0" rle="0"/>',
    }.items():
        text = f'<annotations><image name="0.png">{inner}</image></annotations>'
        yield "cvat", name, both(copied_image("g/0.png"), written("g/annotations.xml", text))


def yolo() -> Named:
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
        "a long number": f"names: [{BIG}]\ntrain: images\n",
        "names twice": "names: [a, a]\ntrain: images\n",
        "no names": "names: []\ntrain: images\n",
    }.items():
        yield (
            "yolo",
            name,
            both(
                copied_image("g/images/0.png"),
                written("g/data.yaml", text),
                written("g/labels/0.txt", "0 0 0 1 0 1 1\n"),
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
                copied_image("g/images/0.png"),
                written("g/data.yaml", "names: [a]\ntrain: images\n"),
                written("g/labels/0.txt", line),
            ),
        )
