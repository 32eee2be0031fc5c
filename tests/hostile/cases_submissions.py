"""Submissions of any content, in every format that can be read back."""

from collections.abc import Iterator
from typing import Final

from tests.hostile.case import Case, both, edited, file

HEAD: Final = "ImageId,ClassId,EncodedPixels\n"

TABLES: Final[dict[str, str | bytes]] = {
    "nothing": "",
    "a header": HEAD,
    "bytes": bytes(range(256)),
    "NUL": f"{HEAD}0,1,1 \0\n",
    "UTF-16": f"{HEAD}0,1,1 3\n".encode("utf-16"),
    "other columns": "a,b\n1,2\n",
    "columns twice": "ImageId,ImageId,EncodedPixels\n0,1,1 3\n",
    "short rows": f"{HEAD}0\n",
    "long rows": f"{HEAD}0,1,1 3,4,5\n",
    "an open quote": f'{HEAD}0,1,"1 3\n',
    "an unknown image": f"{HEAD}nobody,1,1 3\n",
    "an unknown class": f"{HEAD}0,77,1 3\n",
    "a class that is a text": f"{HEAD}0,x,1 3\n",
    "an odd number of runs": f"{HEAD}0,1,1 3 5\n",
    "runs of texts": f"{HEAD}0,1,a b\n",
    "negative runs": f"{HEAD}0,1,-5 3\n",
    "negative lengths": f"{HEAD}0,1,5 -3\n",
    "runs from 0": f"{HEAD}0,1,0 3\n",
    "runs beyond": f"{HEAD}0,1,1 999999999999\n",
    "runs of 5,000 digits": f"{HEAD}0,1,{'9' * 5000} 1\n",
    "runs out of order": f"{HEAD}0,1,9 3 1 3\n",
    "runs that overlap": f"{HEAD}0,1,1 9 3 3\n",
    "rows twice": f"{HEAD}0,1,1 3\n0,1,1 3\n",
    "a long cell": f"{HEAD}0,1,{'1 1 ' * 100_000}\n",
    "fractions": f"{HEAD}0,1,1.5 3\n",
    "infinity": f"{HEAD}0,1,inf 3\n",
}

COMMANDS: Final = (
    ("submission", "check", "spec.yaml", "sub.csv"),
    ("submission", "convert", "spec.yaml", "sub.csv", "--to", "png", "-o", "out"),
    ("evaluate", "spec.yaml", "--submission", "sub.csv"),
    ("show", "spec.yaml", "--submission", "sub.csv"),
    ("vote", "spec.yaml", "sub.csv", "sub.csv", "-o", "voted.csv"),
)

FORMATS: Final = ("kaggle-per-image", "pixels", "coco", "coco-panoptic", "png", "npz", "geotiff")
JUNK: Final[dict[str, bytes]] = {
    "nothing": b"",
    "bytes": bytes(range(256)) * 8,
    "nested JSON": b"[" * 100_000,
    "a JSON list": b'[{"image_id": 1}]',
    "a cut archive": b"PK\x03\x04" + bytes(100),
}


def cases() -> Iterator[Case]:
    for name, text in TABLES.items():
        for command in COMMANDS:
            # Some commands take what others would punish.
            yield Case(f"{' '.join(command[:2])}: {name}", command, file("sub.csv", text), "either")
    for kind in FORMATS:
        spec = edited("spec.yaml", "runtime: cpu", f"runtime: cpu\noutput: {{format: {kind}}}")
        for name, content in JUNK.items():
            made = both(spec, file("sub.csv", content))
            yield Case(f"{kind}: {name}", COMMANDS[2], made, "either", "sub.csv")
            yield Case(
                f"{kind} in a folder: {name}",
                ("evaluate", "spec.yaml", "--submission", "sub"),
                both(spec, file("sub/0.png", content)),
                "either",
                "sub",
            )
