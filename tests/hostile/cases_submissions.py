"""Submissions of any content, in every format that can be read back."""

import zipfile
from collections.abc import Iterator
from io import BytesIO
from typing import Final

from tests.hostile.case import Case, both, edited, file

HEAD: Final = "ImageId_ClassId,EncodedPixels\n"


def _archive(*, flags: int = 0, method: int = 0, content: bytes = b"x" * 60) -> bytes:
    """A zip of one file, `0.npy`, that says it is encrypted, or packed in some way."""
    body = BytesIO()
    with zipfile.ZipFile(body, "w") as archive:
        archive.writestr("0.npy", content)
    data = bytearray(body.getvalue())
    for place, (of_flags, of_method) in ((0, (6, 8)), (data.index(b"PK\x01\x02"), (8, 10))):
        data[place + of_flags] = flags
        data[place + of_method] = method
    return bytes(data)


TABLES: Final[dict[str, str | bytes]] = {
    "nothing": "",
    "a header": HEAD,
    "bytes": bytes(range(256)),
    "NUL": f"{HEAD}0_1,1 \0\n",
    "UTF-16": f"{HEAD}0_1,1 3\n".encode("utf-16"),
    "other columns": "a,b\n1,2\n",
    "columns twice": "ImageId_ClassId,ImageId_ClassId\n0_1,1 3\n",
    "short rows": f"{HEAD}0_1\n",
    "long rows": f"{HEAD}0_1,1 3,4,5\n",
    "an open quote": f'{HEAD}0_1,"1 3\n',
    "an unknown image": f"{HEAD}nobody_1,1 3\n",
    "an unknown class": f"{HEAD}0_77,1 3\n",
    "a class that is a text": f"{HEAD}0_x,1 3\n",
    "an odd number of runs": f"{HEAD}0_1,1 3 5\n",
    "runs of texts": f"{HEAD}0_1,a b\n",
    "negative runs": f"{HEAD}0_1,-5 3\n",
    "negative lengths": f"{HEAD}0_1,5 -3\n",
    "runs from 0": f"{HEAD}0_1,0 3\n",
    "runs beyond": f"{HEAD}0_1,1 999999999999\n",
    "runs of 5,000 digits": f"{HEAD}0_1,{'9' * 5000} 1\n",
    "runs out of order": f"{HEAD}0_1,9 3 1 3\n",
    "runs that overlap": f"{HEAD}0_1,1 9 3 3\n",
    "rows twice": f"{HEAD}0_1,1 3\n0_1,1 3\n",
    "a long cell": f"{HEAD}0_1,{'1 1 ' * 100_000}\n",
    "fractions": f"{HEAD}0_1,1.5 3\n",
    "infinity": f"{HEAD}0_1,inf 3\n",
}

COMMANDS: Final = (
    ("submission", "check", "spec.yaml", "sub.csv"),
    ("submission", "convert", "spec.yaml", "sub.csv", "--to", "png", "-o", "out"),
    ("evaluate", "spec.yaml", "--submission", "sub.csv"),
    ("show", "spec.yaml", "--submission", "sub.csv"),
    ("vote", "spec.yaml", "sub.csv", "sub.csv", "-o", "voted.csv"),
)

FORMATS: Final = (
    "kaggle-per-image",
    "pixels",
    "coco",
    "coco-panoptic",
    "png",
    "class-png",
    "npz",
    "geotiff",
    "geojson",
)
JUNK: Final[dict[str, bytes]] = {
    "nothing": b"",
    "bytes": bytes(range(256)) * 8,
    "nested JSON": b"[" * 100_000,
    "a JSON list": b'[{"image_id": 1}]',
    "JSON of nothing": b"{}",
    "JSON of null": b"null",
    "a JSON list of lists": b"[[]]",
    "a run of junk": b'[{"image_id": "0", "category_id": 1, "segmentation": {"size": [1], "counts": -1}}]',
    "segments of junk": b'{"annotations": [{"image_id": "0", "file_name": 3, "segments_info": [3]}]}',
    "a cut archive": b"PK\x03\x04" + bytes(100),
    "a locked archive": _archive(flags=1),
    "an archive of another method": _archive(method=14),
    "an archive of LZMA junk": _archive(method=14, content=bytes(range(60))),
}


SAMPLES: Final[dict[str, str | bytes]] = {
    "nothing": "",
    "a header": HEAD,
    "bytes": bytes(range(256)),
    "NUL": HEAD.encode() + b"\0_1,\n",
    "UTF-16": HEAD.encode("utf-16"),
    "other columns": "a,b\n1,2\n",
    "an unknown image": f"{HEAD}nobody_1,\n",
    "an unknown class": f"{HEAD}0_77,\n",
    "short rows": f"{HEAD}0_1\n",
    "rows twice": f"{HEAD}0_1,\n0_1,\n",
    "an open quote": f'{HEAD}"0_1,\n',
    "a long cell": f"{HEAD}0_1,{'9' * 300_000}\n",
    "one column": "ImageId_ClassId\n0_1\n",
}


def cases() -> Iterator[Case]:
    for name, content in SAMPLES.items():
        sample = edited("spec.yaml", "runtime: cpu", "runtime: cpu\noutput: {sample: sample.csv}")
        files = both(file("sample.csv", content), file("sub.csv", f"{HEAD}0_1,1 3\n"))
        yield Case(f"sample: {name}", ("ensemble", "spec.yaml"), both(sample, files), "either", "sample.csv")
        check = (*COMMANDS[0], "--sample=sample.csv")
        yield Case(f"check a sample: {name}", check, files, "either")
    for name, text in TABLES.items():
        for command in COMMANDS:
            # Some commands take what others would punish.
            yield Case(f"{' '.join(command[:2])}: {name}", command, file("sub.csv", text), "either")
    for kind in FORMATS:
        spec = edited("spec.yaml", "runtime: cpu", f"runtime: cpu\noutput: {{format: {kind}}}")
        for name, content in JUNK.items():
            made = both(spec, file("sub.csv", content))
            for command in COMMANDS:
                yield Case(f"{kind} {command[0]} {command[1]}: {name}", command, made, "either", "sub.csv")
            yield Case(
                f"{kind} in a folder: {name}",
                ("evaluate", "spec.yaml", "--submission", "sub"),
                both(spec, file("sub/0.png", content)),
                "either",
                "sub",
            )
