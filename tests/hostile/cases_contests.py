"""Contests' tables and bundles: samples, columns and ids that are wrong or absurd, and bundles of nothing."""

# ruff: noqa: RUF001 (a case is one line)

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

from tests.hostile.case import Case, Prepare, both, edited, file
from tests.hostile.cases_weights import SPECIAL

OUTPUTS: Final[Mapping[str, str]] = {
    "one column": "columns: [a]",
    "a column twice": "columns: [a, a]",
    "no column": "columns: []",
    "columns of nothing": "columns: ['', '']",
    "columns of numbers": "columns: [1, 2]",
    "columns of lines": 'columns: ["a\\nb", "c\\"d"]',
    "columns of formulas": "columns: ['=cmd()', b]",
    "5,000 columns": f"columns: [{', '.join(f'c{n}' for n in range(5000))}]",
    "columns of classes": "columns: [id, ground, paper, glass, metal]",
    "columns of some classes": "columns: [id, ground, paper]",
    "three columns that mean nothing": "columns: [a, b, c]",
    "an id of nothing": "id: '{nothing}'",
    "an id that is one": "id: same",
    "an id of braces": "id: '{'",
    "an id of empty braces": "id: '{}'",
    "an id of attributes": "id: '{name.__class__.__mro__}'",
    "an id of a form": "id: '{name:>1000000000}'",
    "an id of a conversion": "id: '{name!r}'",
    "an id of a class first": "id: '{class}_{name}'",
    "an id of only the class": "id: '{class}'",
    "an id of words": "id: 'x_{y}_{name}'",
    "an id that touches": "id: '{a}{b}'",
    "an id of the class without a separator": "id: '{name}{class}'",
    "an id of 100,000 names": f"id: '{'{name}' * 100_000}'",
    "an id of a text that is long": f"id: '{'x' * 100_000}{{name}}'",
    "an id of lines": 'id: "{name}\\n"',
    "classes of nothing": "classes: [nothing]",
    "classes twice": "classes: [paper, paper]",
    "classes by both": "classes: [paper, 1]",
    "classes of fractions": "classes: [1.5]",
    "no class is left": "drop: [ground, paper, glass, metal]",
    "an unknown class is dropped": "drop: [nothing]",
    "an unknown empty": "empty: none",
    "a sample and columns": "sample: sample.csv, columns: [a, b]",
    "a size of 0": "size: 0",
    "a huge size": "size: 32768",
}

SAMPLES: Final[Mapping[str, bytes]] = {
    "nothing": b"",
    "lines": b"\n\n",
    "a header of one": b"id\n",
    "a header of others": b"a,b,c\n",
    "a header twice": b"id,id\n0,1 1\n",
    "bytes": bytes(range(256)),
    "NUL": b"id,rle\n0\0,1 1\n",
    "UTF-16": "id,rle\n0,1 1\n".encode("utf-16"),
    "an open quote": b'id,rle\n"0,1 1\n1,1 1\n',
    "short rows": b"id,rle\n0\n",
    "long rows": b"id,rle\n0,1 1,x\n",
    "unknown images": b"id,rle\nnobody,1 1\n",
    "an image twice": b"id,rle\n0,1 1\n0,1 1\n",
    "unknown classes": b"ImageId_ClassId,EncodedPixels\n0_77,1 1\n",
    "no classes": b"ImageId_ClassId,EncodedPixels\n0,1 1\n",
    "some images": b"ImageId_ClassId,EncodedPixels\n0_1,1 1\n",
    "a class column of words": b"id,class,rle\n0,nothing,\n",
    "ids that climb": b"id,rle\n../../0,1 1\n",
    "a long id": b"id,rle\n" + b"a" * 1_000_000 + b",1 1\n",
    "200,000 rows": b"id,rle\n" + b"".join(b"x%d,\n" % n for n in range(200_000)),
    "5,000 columns": b",".join(b"c%d" % n for n in range(5000)) + b"\n",
    "columns of nothing": b",,,\n0,,,\n",
}

BUNDLES: Final[Mapping[str, tuple[str, ...]]] = {
    "an old Python": ("--python", "2.7"),
    "a Python of the future": ("--python", "3.999"),
    "a Python of text": ("--python", "3.11; touch ran"),
    "a Python of other digits": ("--python", "3.١١"),
    "an option as platform": ("--platform", "--index-url=http://localhost:1"),
    "a platform of nothing": ("--platform", ""),
    "a platform above": ("--platform", "../../x"),
    "an unknown extra": ("--extra", "nothing"),
    "an extra of code": ("--extra", "cuda] @ file:///tmp/x"),
}


def cases() -> Iterator[Case]:
    command = ("ensemble", "spec.yaml")
    for name, output in OUTPUTS.items():
        put = both(file("sample.csv", "id,rle\n"), _output(f"{{ {output} }}"))
        # A run that memory ended is resumed, so its journal stays.
        writes = None if name == "a huge size" else "submission.csv"
        yield Case(f"output: {name}", command, put, "either", writes=writes)
    for name, content in SAMPLES.items():
        put = both(file("sample.csv", content), _output("{ sample: sample.csv }"))
        yield Case(f"sample: {name}", command, put, "either", "sample.csv", writes="submission.csv")
        check = ("submission", "check", "spec.yaml", "sub.csv")
        put = both(put, file("sub.csv", "id,rle\n0,1 1\n"))
        yield Case(f"check by a sample: {name}", check, put, "either", writes="")
    for name, special in SPECIAL.items():
        put = both(_at("sample.csv", special), _output("{ sample: sample.csv }"))
        yield Case(f"sample: {name}", command, put, says="sample.csv", writes="")
    for name, options in BUNDLES.items():
        yield _bundle(name, (*options, "-o", "out"))
    for place in ("images", "masks", ".", "a.onnx", "spec.yaml", "/", "images/new", "new/deeper/still"):
        yield _bundle(f"into {place}", ("-o", place))
    yield _bundle("a model of junk", ("-o", "out"), file("a.onnx", bytes(range(256))))
    yield _bundle("no model", ("-o", "out"), lambda folder: (folder / "a.onnx").unlink())
    for name, special in SPECIAL.items():
        removed = both(lambda folder: (folder / "a.onnx").unlink(), _at("a.onnx", special))
        yield _bundle(f"a model that is {name}", ("-o", "out"), removed)


def _bundle(name: str, options: tuple[str, ...], put: Prepare = lambda _: None) -> Case:
    """A bundle, for which there are no wheels to be had."""
    return Case(
        f"bundle: {name}",
        ("bundle", "spec.yaml", *options),
        put,
        seconds=20,
        inside=_without_index,
        writes="",
    )


def _without_index(_: Path) -> None:
    os.environ.update(PIP_NO_INDEX="1", PIP_RETRIES="0")


def _output(text: str) -> Prepare:
    return edited("spec.yaml", "views: hflip", f"views: hflip\noutput: {text}")


def _at(place: str, put: Prepare) -> Prepare:
    return lambda folder: put(folder / place)
