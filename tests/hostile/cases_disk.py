"""What lies on disk between runs: records, figures, journals, caches, studies, of any content."""

import json
import struct
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import numpy as np

from tests.hostile.case import Case, Prepare, file

RECORD: Final = {
    "recipe": {"architecture": "fpn", "encoder": "resnet18", "epochs": 4, "loss": {"dice": 1.0}},
    "result": {
        "best_miou": 0.5,
        "seconds": 60,
        "parameters": 1_000_000,
        "gflops": 1.5,
        "best_iou": {"a": 0.5},
    },
}

JUNK: Final[dict[str, str | bytes]] = {
    "empty": "",
    "bytes": bytes(range(256)) * 4,
    "NUL": b"\0" * 1000,
    "UTF-16": "{}".encode("utf-16"),
    "null": "null",
    "a list": "[]",
    "a number": "3",
    "NaN": "NaN",
    "a text": '"x"',
    "an empty mapping": "{}",
    "cut off": json.dumps(RECORD)[:-20],
    "nested": "[" * 100_000,
    "nested mappings": '{"a":' * 100_000,
    "5,000 digits": "9" * 5000,
    "a lone surrogate": '{"recipe": "\\ud800"}',
    "keys twice": '{"recipe": 1, "recipe": 2}',
}

VALUES: Final[dict[str, Any]] = {
    "null": None,
    "a list": [],
    "a mapping": {},
    "a text": "x",
    "true": True,
    "minus one": -1,
    "1e30": 1e30,
    "infinity": float("inf"),
    "nan": float("nan"),
    "a large number": 10**400,
}
"""Put in the place of each value of a record."""

METRICS: Final[dict[str, str | bytes]] = {
    "empty": "",
    "no rows": "epoch,val_miou\n",
    "bytes": bytes(range(256)),
    "NUL": b"epoch,val_miou\n1,\0\n",
    "UTF-16": "epoch,val_miou\n1,0.5\n".encode("utf-16"),
    "a text": "epoch,val_miou\n1,good\n",
    "nan": "epoch,val_miou\n1,nan\n2,nan\n",
    "infinity": "epoch,val_miou\n1,inf\n",
    "short rows": "epoch,val_miou\n1\n",
    "long rows": "epoch,val_miou\n1,2,3,4\n",
    "an open quote": 'epoch,val_miou\n1,"0.5\n',
    "a long field": f"epoch,val_miou\n1,{'9' * 200_000}\n",
    "names twice": "val_miou,val_miou\n0.1,0.2\n",
    "no name": ",\n1,2\n",
}


def cases() -> Iterator[Case]:
    for name, content in JUNK.items():
        yield from _shown(f"run.json: {name}", file("runs/r/run.json", content))
        yield from _shown(f"note.json: {name}", _run({}, **{"note.json": content}))
    for name, content in METRICS.items():
        yield from _shown(f"metrics.csv: {name}", _run({}, **{"metrics.csv": content}))
    for place in ("recipe", "result", *(f"{part}.{key}" for part, keys in RECORD.items() for key in keys)):
        for name, value in VALUES.items():
            yield from _shown(f"run.json: {place} is {name}", _run({place: value}))
    for name in ("run.json", "metrics.csv", "note.json"):
        yield from _shown(f"{name}: a folder", _folder(f"runs/r/{name}", beside=name != "run.json"))
    for name, content in JUNK.items():
        yield Case(
            f"evaluation.json: {name}",
            ("evaluate", "spec.yaml"),
            file("runs/evaluation.json", content),
            "accepted",
        )
        yield Case(
            f"journal: {name}", ("ensemble", "spec.yaml"), file("submission.csv.journal", content), "either"
        )
    for name, payload in _payloads().items():
        yield Case(
            f"journal entry: {name}", ("ensemble", "spec.yaml"), _journal(payload), "either", "journal"
        )


def studies() -> Iterator[Case]:
    """The databases of sweeps, which only torch and Optuna open."""
    for name, content in JUNK.items():
        study = file("runs/sweep/sweep.db", content)
        yield Case(f"study: {name}", ("sweep", "show", "sweep.yaml"), study, "either", "sweep.db")


def _shown(name: str, prepare: Prepare) -> Iterator[Case]:
    yield Case(f"runs: {name}", ("runs",), prepare, "either", "runs/r")
    yield Case(f"report: {name}", ("report", "runs/r"), prepare, "either", "runs/r")


def _run(changed: dict[str, Any], **files: str | bytes) -> Prepare:
    record = json.loads(json.dumps(RECORD))
    for place, value in changed.items():
        node: Any = record
        *way, last = place.split(".")
        for key in way:
            node = node[key]
        node[last] = value

    def prepare(folder: Path) -> None:
        for name, content in ({"run.json": json.dumps(record)} | files).items():
            file(f"runs/r/{name}", content)(folder)

    return prepare


def _folder(name: str, *, beside: bool) -> Prepare:
    def prepare(folder: Path) -> None:
        if beside:
            _run({})(folder)
        (folder / name).mkdir(parents=True)

    return prepare


def _payloads() -> dict[str, bytes]:
    """Records with a valid checksum and content that no run writes."""
    import cv2

    def png(labels_hw: Any) -> bytes:
        return bytes(cv2.imencode(".png", labels_hw)[1].tobytes())

    right = png(np.zeros((16, 20), np.uint8))
    heads = {
        "no id": {},
        "an id that is a number": {"id": 3, "bytes": 1, "content": "x", "look": None},
        "an id that is a list": {"id": [], "bytes": [], "content": [], "look": []},
        "another image": {"id": "nobody", "bytes": 1, "content": "x", "look": None},
    }
    return {
        "nothing": b"",
        "no line": b"x" * 100,
        "nested": b"[" * 100_000 + b"\n" + right,
        **{name: json.dumps(head).encode() + b"\n" + right for name, head in heads.items()},
        "no map": b'{"id": "0", "bytes": 1}\n',
        "a map of junk": b'{"id": "0", "bytes": 1}\n' + b"x" * 100,
        "a map of another size": b'{"id": "0", "bytes": 1}\n' + png(np.zeros((5, 5), np.uint8)),
        "a map of colours": b'{"id": "0", "bytes": 1}\n' + png(np.zeros((16, 20, 3), np.uint8)),
        "a map of 16 bits": b'{"id": "0", "bytes": 1}\n' + png(np.zeros((16, 20), np.uint16)),
        "labels of no class": b'{"id": "0", "bytes": 1}\n' + png(np.full((16, 20), 200, np.uint8)),
    }


def _journal(payload: bytes) -> Prepare:
    """A journal of this very run, begun by the command itself, with one more record."""

    def prepare(folder: Path) -> None:
        from seg.data import open_split
        from seg.engine.jobs.fingerprint import run_fingerprint
        from seg.spec import load_ensemble

        spec = load_ensemble(folder / "spec.yaml")
        fingerprint = run_fingerprint(spec, open_split(spec.data, "predict").samples).encode()
        records = b"".join(struct.pack("<II", len(p), zlib.crc32(p)) + p for p in (fingerprint, payload))
        (folder / "submission.csv.journal").write_bytes(b"seg journal 1\n" + records)

    return prepare
