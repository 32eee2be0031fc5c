"""Tables of labels, and lists of classes, that are broken or absurd."""

from collections.abc import Iterator, Mapping
from typing import Final

from tests.hostile.case import Case, both, file
from tests.hostile.labels.dataset import CHECK, dataset

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


def cases() -> Iterator[Case]:
    for name, runs in RUNS.items():
        rows = "id,class,rle\n" + _ROWS.replace("CLASS", "paper").replace("RUNS", runs)
        made = both(file("t.csv", rows), dataset("images: images, labels: t.csv"))
        yield Case(f"runs: {name}", CHECK, made, expected="either", says="t.csv", writes="")
    for name, content in TABLES.items():
        made = both(file("t.csv", content), dataset("images: images, labels: t.csv"))
        yield Case(f"table: {name}", CHECK, made, expected="either", says="t.csv", writes="")
        grouped = both(
            file("t.csv", content),
            dataset("images: images, masks: masks", "group: {table: t.csv, column: class}\n"),
        )
        yield Case(f"group table: {name}", CHECK, grouped, expected="either", writes="")
    for name, (place, content) in CLASS_FILES.items():
        made = both(
            file(place, content),
            file("d.yaml", f"train: {{images: images, masks: masks}}\nclasses: {place}\n"),
        )
        yield Case(f"classes {place}: {name}", CHECK, made, expected="either", writes="")
