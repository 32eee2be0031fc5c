"""Labels as they come: patterns, masks, tables, lists of classes and groups that are wrong or absurd."""

# ruff: noqa: E501 (a case is one line)

import os
import struct
import zlib
from collections.abc import Iterator, Mapping
from io import BytesIO
from pathlib import Path
from typing import Final

import numpy as np

from tests.hostile.case import Case, Prepare, both, file

CLASSES: Final = "[ground, paper, glass, metal]"
IMAGES: Final = "images: images, "
LONG: Final = "a" * 200

PATTERNS: Final[Mapping[str, str]] = {
    "placeholders that touch": "images: 'images/{a}{b}.png', masks: 'masks/{a}{b}.png'",
    "twenty that touch": f"images: 'images/{''.join(f'{{p{n}}}' for n in range(20))}.png', masks: masks",
    "a thousand placeholders": f"images: 'images/{'-'.join(f'{{p{n}}}' for n in range(1000))}', masks: masks",
    "many wildcards": f"images: 'images/{'*a' * 30}*.png', masks: masks",
    "many wildcards and a placeholder": f"images: 'images/{{a}}{'*0' * 30}*.png', masks: masks",
    "folders upon folders": f"images: '{'**/' * 60}{{a}}.png', masks: masks",
    "folders above": f"images: '{'../' * 60}images/{{a}}.png', masks: masks",
    "a mask above all": "images: images, masks: '../../../../../../{stem}.png'",
    "a mask in a device": "images: images, masks: /dev/null",
    "an image in a device": "images: /dev/null, masks: masks",
    "a table in a device": "images: images, labels: /dev/null",
    "a mask in a process": "images: images, masks: /proc/self/mem",
    "all images are one mask": "images: images, masks: 'masks/0*.png'",
    "an image is its mask": "images: images, masks: '{stem}.png'",
    "no closing brace": "images: 'images/{a.png', masks: 'masks/{a.png'",
    "an empty brace": "images: 'images/{}.png', masks: masks",
    "a number in braces": "images: 'images/{0}.png', masks: masks",
    "an unknown placeholder": "images: images, masks: 'masks/{nothing}.png'",
    "a placeholder thrice": "images: 'images/{a}{a}{a}.png', masks: masks",
    "from that touches": "images: images, masks: {from: '{a}{b}{c}.png', to: 'masks/{a}.png'}",
    "from that fits nothing": "images: images, masks: {from: 'x{a}.png', to: 'masks/{a}.png'}",
    "from with many folders": f"images: images, masks: {{from: '{'{a}/' * 3}{{b}}.png', to: 'masks/{{b}}.png'}}",
    "an id that is one": "images: images, masks: masks, id: same",
    "an id of nothing": "images: images, masks: masks, id: '{nothing}'",
    "an id with a folder above": "images: 'images/{a}.png', masks: masks, id: '../../{a}'",
    "an id with a line": "{images: 'images/{a}.png', masks: masks, id: \"x\\n{a}\"}",
    "NUL in a path": '{images: "im\\0ages", masks: masks}',
    "NUL in a mask": '{images: images, masks: "ma\\0sks/{stem}.png"}',
    "a path of 5,000 letters": f"images: {'a' * 5000}, masks: masks",
    "a mask of 5,000 letters": f"images: images, masks: '{'a' * 5000}/{{stem}}.png'",
    "a divisor of 1": "images: images, masks: {to: masks, divide: 1}",
    "a divisor beyond all": "images: images, masks: {to: masks, divide: 1000000000000000000000}",
    "a threshold of nan": "images: images, masks: {to: masks, binary: .nan}",
    "a threshold for four classes": "images: images, masks: {to: masks, binary: 127}",
    "a tolerance beyond all": "images: images, masks: {to: masks, tolerance: 1000}",
    "masks of no class": "images: images, masks: {of_class: {nothing: masks}}",
    "masks of a number": "images: images, masks: {of_class: {1: masks}}",
    "masks of other sizes": "images: images, masks: {of_class: {paper: 'masks/1*.png'}}",
    "a list that is a folder": "images: images, masks: masks, list: images",
    "a list of another file": "images: images, masks: masks, list: images/0.png",
}

GROUPS: Final[Mapping[str, str]] = {
    "nested repetition": "'(a+)+$'",
    "nested repetition of words": r"'^(\w+\s?)*$'",
    "alternatives": "'(a|aa)+$'",
    "any, again and again": f"'{'(.*)' * 25}x'",
    "a look behind": "'(?<=a+)b'",
    "a bad bracket": "'['",
    "a huge count": "'(a{1,65000}){1,65000}x'",
    "a count beyond all": "'a{99999999999999999999}'",
    "nested parentheses": f"'{'(' * 5000}a{')' * 5000}'",
    "nothing": "''",
    "an empty match": "'()'",
    "placeholders that touch": "'{a}{b}'",
    "thirty placeholders": f"'{'_'.join(f'{{p{n}}}' for n in range(30))}'",
    "thirty that touch": f"'{''.join(f'{{p{n}}}' for n in range(30))}x'",
    "twelve with wildcards": f"'{'{a}*'}{'*'.join(f'{{p{n}}}' for n in range(12))}*x'",
    "a placeholder of a keyword": "'{class}_*'",
    "metadata": "{metadata: camera}",
    "a day": "{metadata: day}",
    "a table of nothing": "{table: nothing.csv, column: group}",
    "a table that is an image": "{table: images/0.png, column: group}",
    "a table that is a device": "{table: /dev/zero, column: group}",
    "a column alone": "{column: group}",
}

_ROWS: Final = "".join(f"{n},CLASS,RUNS\n" for n in range(8))
RUNS: Final[Mapping[str, str]] = {
    "overlapping runs": "1 10 5 10",
    "negative starts": "-5 3",
    "a start of 0": "0 3",
    "negative lengths": "5 -3",
    "too long": "1 1000000000000",
    "beyond int64": "99999999999999999999 1",
    "a sum beyond int64": "9223372036854775807 9223372036854775807",
    "odd": "1 2 3",
    "words": "a b",
    "fractions": "1.5 2",
    "nan nan": "nan nan",
    "zero": "0 0",
    "a million runs": "1 1 " * 1_000_000,
    "JSON": '"[[1, 2]]"',
    "infinity": "inf 1",
}

TABLES: Final[Mapping[str, bytes]] = {
    "nothing": b"",
    "a header": b"id,class,rle\n",
    "only lines": b"\n\n\n",
    "one column": b"id\n0\n",
    "a header twice": b"id,id,rle,rle\n0,0,1 1,1 1\n",
    "no known column": b"x,y,z\n1,2,3\n",
    "short rows": b"id,class,rle\n0,1\n",
    "NUL": b"id,class,rle\n0\0,1,1 1\n",
    "UTF-16": "id,class,rle\n0,1,1 1\n".encode("utf-16"),
    "bytes": bytes(range(256)),
    "an open quote": b'id,class,rle\n0,1,"1 1\n' + b"0,1,1 1\n" * 1000,
    "an unknown class": b"id,class,rle\n0,nothing,1 1\n",
    "a class of fractions": b"id,class,rle\n0,1.5,1 1\n",
    "unknown images": b"id,class,rle\nnothing,1,1 1\n",
    "ids that climb": b"id,class,rle\n../../images/0,1,1 1\n",
    "a long id": b"id,class,rle\n" + b"a/" * 100_000 + b",1,1 1\n",
    "many columns": b"id," + b",".join(b"c%d" % n for n in range(20_000)) + b"\n",
    "a class column of each": b"id,ground,paper\n0,1 1,x\n",
}

CLASS_FILES: Final[Mapping[str, tuple[str, bytes]]] = {
    "nothing": ("classes.txt", b""),
    "bytes": ("classes.txt", bytes(range(256))),
    "NUL": ("classes.txt", b"a\0b\nc\n"),
    "100,000 names": ("classes.txt", b"".join(b"c%d\n" % n for n in range(100_000))),
    "one name of a megabyte": ("classes.txt", b"a" * 1_000_000),
    "a name twice": ("classes.txt", b"a\na\n"),
    "colours beyond bytes": ("label_colors.txt", b"300 0 0 a\n-1 0 0 b\n"),
    "a table of nothing": ("class_dict.csv", b"name,r,g,b\n"),
    "a table of words": ("class_dict.csv", b"name,r,g,b\na,x,y,z\n"),
    "a table that is cut": ("class_dict.csv", b"name,r,g,b\na,1\n"),
    "huge numbers in a table": ("class_dict.csv", b"name,r,g,b\na," + b"9" * 5000 + b",1,1\n"),
    "JSON of nothing": ("meta.json", b""),
    "nested JSON": ("meta.json", b"[" * 100_000),
    "JSON of numbers": ("meta.json", b"[1, 2]"),
    "JSON of classes": ("meta.json", b'{"classes": 5}'),
    "JSON of titles": ("meta.json", b'{"classes": [{"title": {}, "color": "#zz"}]}'),
    "JSON of huge numbers": ("meta.json", b'{"classes": [{"title": "a", "id": ' + b"9" * 5000 + b"}]}"),
    "YAML of names": ("data.yaml", b"names: {a: b, 1: c}\n"),
    "YAML of anchors": (
        "data.yaml",
        b"a0: &a0 [x]\n"
        + b"".join(b"a%d: &a%d [%s]\n" % (n, n, b", ".join([b"*a%d" % (n - 1)] * 10)) for n in range(1, 10))
        + b"names: *a9\n",
    ),
    "YAML that runs": ("data.yaml", b"names: !!python/object/apply:os.system ['touch ran']\n"),
    "YAML of nothing": ("data.yaml", b"names: 7\n"),
    "an unknown file": ("classes.xml", b"<a/>"),
    "negative ids": ("objectInfo150.txt", b"Idx\tRatio\tTrain\tVal\tName\n-1\t0\t0\t0\ta\n-1\t0\t0\t0\tb\n"),
    "labelmap": ("labelmap.txt", b"# label:color_rgb:parts:actions\na:1,2:::\n"),
}


def _npy(array: np.ndarray, *, pickled: bool = False) -> bytes:
    stream = BytesIO()
    np.save(stream, array, allow_pickle=pickled)
    return stream.getvalue()


def _npy_head(text: str) -> bytes:
    head = text.encode().ljust(117) + b"\n"
    return b"\x93NUMPY\x01\0" + struct.pack("<H", len(head)) + head


def _png_bomb() -> bytes:
    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    head = struct.pack(">IIBBBBB", 2**31 - 1, 2**31 - 1, 8, 0, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", head)
        + chunk(b"IDAT", zlib.compress(bytes(10**6)))
        + chunk(b"IEND", b"")
    )


MASKS: Final[Mapping[str, tuple[str, bytes]]] = {
    "nothing": (".png", b""),
    "text": (".png", b"hello"),
    "billions of pixels": (".png", _png_bomb()),
    "a GIF of a size": (
        ".gif",
        b"GIF89a\xff\xff\xff\xff\xf7\0\0" + bytes(768) + b",\0\0\0\0\xff\xff\xff\xff\0\x08",
    ),
    "a cut GIF": (".gif", b"GIF89a"),
    "a cut JPEG 2000": (".jp2", b"\0\0\0\x0cjP  \r\n\x87\n" + bytes(100)),
    "a codestream": (".jp2", b"\xff\x4f\xff\x51" + b"\xff" * 200),
    "a cut TIFF": (".tif", b"II*\0\x08\0\0\0\xff\xff" + bytes(100)),
    "an array of objects": (".npy", _npy(np.array([[{}]], dtype=object), pickled=True)),
    "an array of texts": (".npy", _npy(np.full((24, 18), "x"))),
    "an array of four axes": (".npy", _npy(np.zeros((1, 1, 24, 18), np.uint8))),
    "a number": (".npy", _npy(np.array(3))),
    "no pixel": (".npy", _npy(np.zeros((0, 0), np.uint8))),
    "NaN": (".npy", _npy(np.full((24, 18), np.nan))),
    "huge numbers": (".npy", _npy(np.full((24, 18), 1e300))),
    "the largest number": (".npy", _npy(np.full((24, 18), 2**64 - 1, np.uint64))),
    "negative numbers": (".npy", _npy(np.full((24, 18), -1))),
    "complex numbers": (".npy", _npy(np.full((24, 18), 1j))),
    "dates": (".npy", _npy(np.zeros((24, 18), "M8[s]"))),
    "records": (".npy", _npy(np.zeros((24, 18), [("a", "u1")]))),
    "an array of a huge size": (
        ".npy",
        _npy_head(f"{{'descr': '|u1', 'fortran_order': False, 'shape': ({2**40}, {2**20})}}"),
    ),
    "an array of a negative size": (
        ".npy",
        _npy_head("{'descr': '|u1', 'fortran_order': False, 'shape': (-1, 5)}"),
    ),
    "a head of code": (".npy", _npy_head("__import__('os').system('touch ran')")),
    "a nested head": (".npy", _npy_head("(" * 100)),
    "an array that is cut": (".npy", _npy(np.zeros((24, 18), np.uint8))[:200]),
    "a version beyond": (".npy", b"\x93NUMPY\x63\0" + bytes(100)),
}

FORMS: Final[Mapping[str, str]] = {
    "as it is": "to: 'm/{stem}SUFFIX'",
    "two classes": "to: 'm/{stem}SUFFIX', binary: 0",
    "near colours": "to: 'm/{stem}SUFFIX', tolerance: 9",
    "instances": "to: 'm/{stem}SUFFIX', divide: 1000",
    "of a class": "of_class: {paper: 'm/{stem}SUFFIX'}",
}


def cases() -> Iterator[Case]:
    check = ("data", "check", "d.yaml")
    for name, split in PATTERNS.items():
        yield Case(f"pattern: {name}", check, _dataset(split), expected="either", writes="")
    for name, group in GROUPS.items():
        made = both(_long_names(), _dataset("images: images, masks: masks", f"group: {group}\n"))
        yield Case(f"group: {name}", check, made, expected="either", writes="")
        share = f"train: {{images: images, masks: masks}}\nval: {{share: 0.2, group: {group}}}\nclasses: {CLASSES}\n"
        if group.startswith("'"):
            yield Case(
                f"share: {name}",
                check,
                both(_long_names(), file("d.yaml", share)),
                expected="either",
                writes="",
            )
    for name, runs in RUNS.items():
        rows = "id,class,rle\n" + _ROWS.replace("CLASS", "paper").replace("RUNS", runs)
        made = both(file("t.csv", rows), _dataset("images: images, labels: t.csv"))
        yield Case(f"runs: {name}", check, made, expected="either", says="t.csv", writes="")
    for name, content in TABLES.items():
        made = both(file("t.csv", content), _dataset("images: images, labels: t.csv"))
        yield Case(f"table: {name}", check, made, expected="either", says="t.csv", writes="")
        grouped = both(
            file("t.csv", content),
            _dataset("images: images, masks: masks", "group: {table: t.csv, column: class}\n"),
        )
        yield Case(f"group table: {name}", check, grouped, expected="either", writes="")
    for name, (place, content) in CLASS_FILES.items():
        made = both(
            file(place, content),
            file("d.yaml", f"train: {{images: images, masks: masks}}\nclasses: {place}\n"),
        )
        yield Case(f"classes {place}: {name}", check, made, expected="either", writes="")
    for form, masks in FORMS.items():
        for name, (suffix, content) in MASKS.items():
            text = f"images: images, masks: {{{masks.replace('SUFFIX', suffix)}}}"
            classes = (
                "[ground, paper]"
                if "binary" in masks
                else "[{name: ground, colour: [1, 2, 3]}, {name: paper, colour: [4, 5, 6]}]"
                if "tolerance" in masks
                else CLASSES
            )
            made = both(
                *(file(f"m/{n}{suffix}", content) for n in range(8)),
                file("d.yaml", f"train: {{{text}}}\nclasses: {classes}\n"),
            )
            yield Case(f"mask {form}: {name}", check, made, expected="either", writes="")
    yield from _guesses()


def _guesses() -> Iterator[Case]:
    guess = ("data", "guess", "g")
    for name, (suffix, content) in MASKS.items():
        made = both(_copied("g/images"), *(file(f"g/masks/{n}{suffix}", content) for n in range(8)))
        yield Case(f"guess masks: {name}", guess, made, expected="either", writes="")
    for name, content in TABLES.items():
        made = both(_copied("g/images"), file("g/train.csv", content))
        yield Case(f"guess table: {name}", guess, made, expected="either", writes="")
    for name, (place, content) in CLASS_FILES.items():
        made = both(_copied("g/images"), _copied("g/masks", "masks"), file(f"g/{place}", content))
        yield Case(f"guess {place}: {name}", guess, made, expected="either", writes="")
    for name, put in FOLDERS.items():
        yield Case(
            f"guess: {name}",
            guess,
            both(_copied("g/images"), _copied("g/masks", "masks"), put),
            expected="either",
            writes="",
            seconds=30,
        )


def _copied(to: str, of: str = "images") -> Prepare:
    def prepare(folder: Path) -> None:
        (folder / to).mkdir(parents=True)
        for one in (folder / of).iterdir():
            (folder / to / one.name).write_bytes(one.read_bytes())

    return prepare


def _deep(folder: Path) -> None:
    place = folder / "g"
    for _ in range(300):
        place = place / "deeper"
    place.mkdir(parents=True)
    (place / "0.png").write_bytes((folder / "images/0.png").read_bytes())


def _many(folder: Path) -> None:
    for number in range(20_000):
        (folder / f"g/masks/many{number}.txt").touch()


def _name_of_lines(folder: Path) -> None:
    (folder / "g/images/0.png").rename(folder / "g/images/a\nb: [.png")


def _link(of: str) -> Prepare:
    return lambda folder: (folder / "g/images/link").symlink_to(of)


FOLDERS: Final[Mapping[str, Prepare]] = {
    "deep folders": _deep,
    "20,000 files": _many,
    "a link to itself": _link("link"),
    "a link to above": _link(".."),
    "a link to all": _link("/"),
    "a pipe": lambda folder: os.mkfifo(folder / "g/images/9.png"),
    "a pipe of masks": lambda folder: os.mkfifo(folder / "g/masks/9.png"),
    "a pipe as table": lambda folder: os.mkfifo(folder / "g/train.csv"),
    "a pipe as JSON": lambda folder: os.mkfifo(folder / "g/annotations.json"),
    "a link to zeros": lambda folder: (folder / "g/train.csv").symlink_to("/dev/zero"),
    "zeros as an image": lambda folder: (folder / "g/images/9.png").symlink_to("/dev/zero"),
    "a folder named as an image": lambda folder: (folder / "g/images/9.png").mkdir(),
    "nested JSON": file("g/annotations.json", "[" * 100_000),
    "names that are no UTF-8": lambda folder: Path(
        os.fsdecode(os.fsencode(folder) + b"/g/images/\xff.png")
    ).touch(),
    "a name with lines": _name_of_lines,
}


def _long_names() -> Prepare:
    """Images whose names are long, on which a pattern may take for ever."""

    def prepare(folder: Path) -> None:
        for kind in ("images", "masks"):
            for one in sorted((folder / kind).iterdir()):
                one.rename(one.with_name(f"{LONG}{one.stem}!.png"))

    return prepare


def _dataset(split: str, more: str = "") -> Prepare:
    text = split if split.startswith("{") else f"{{{split}}}"
    return file("d.yaml", f"train: {text}\nclasses: {CLASSES}\n{more}")
