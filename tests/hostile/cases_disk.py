"""What lies on disk between runs: records, figures, journals, caches, studies, of any content."""

import json
import os
import shutil
import struct
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import numpy as np

from seg.spec.ensemble.prediction import DOUBT_LEVELS
from tests.hostile.case import Case, Prepare, both, edited, file, nothing

HEAD: Final = b'{"id": "0", "content": "CONTENT", "look": null}\n'
"""Of a journal's record, with the place of the hash of the image's file."""

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

NOTED: Final[dict[str, str | bytes]] = {
    **JUNK,
    "a list of lists": '[["submission.csv", []]]',
    "a name that is a list": '[[], "x"]',
    "a hash that is null": '["submission.csv", null]\n["0.png", null]',
    "a name outside": '["../submission.csv", "x"]',
    "three in a line": '["submission.csv", "x", "y"]',
    "nested by line": "\n".join(["[" * 5000] * 50),
    "30 MB": "[]\n" * 10_000_000,
}


def _link_to_fifo(path: Path) -> None:
    os.mkfifo(path.with_name("fifo"))
    path.symlink_to("fifo")


SPECIAL: Final[dict[str, Prepare]] = {
    "a FIFO": os.mkfifo,
    "a folder": Path.mkdir,
    "a link to nothing": lambda path: path.symlink_to("nothing"),
    "a link to itself": lambda path: path.symlink_to(path.name),
    "a link to a FIFO": _link_to_fifo,
}

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
        for kind, put in SPECIAL.items():
            beside = _run({}) if name != "run.json" else nothing
            yield from _shown(f"{name}: {kind}", both(beside, _special(f"runs/r/{name}", put)))
        yield from _shown(f"{name}: a folder", _folder(f"runs/r/{name}", beside=name != "run.json"))
    for name, content in JUNK.items():
        yield Case(
            f"evaluation-val.json: {name}",
            ("evaluate", "spec.yaml"),
            file("runs/evaluation-val.json", content),
            "accepted",
        )
        yield Case(
            f"journal: {name}", ("ensemble", "spec.yaml"), file("submission.csv.journal", content), "either"
        )
    for name, payload in _payloads().items():
        yield Case(
            f"journal entry: {name}", ("ensemble", "spec.yaml"), _journal(payload), "either", "journal"
        )


def outputs() -> Iterator[Case]:
    """What seg notes of the files and folders that it wrote, beside them and in them."""
    for name, content in NOTED.items():
        for record, command, target in (
            (".seg-outputs", ("ensemble", "spec.yaml"), file("submission.csv", "mine")),
            (
                "maps/.seg-folder",
                ("ensemble", "spec.yaml", "--output=maps"),
                both(
                    edited("spec.yaml", "runtime: cpu", "runtime: cpu\noutput: {format: png}"),
                    file("maps/0.png", "mine"),
                ),
            ),
        ):
            # A record that says nothing of a file leaves it to its user.
            yield Case(
                f"{record}: {name}",
                command,
                both(target, file(record, content)),
                says="was not written by seg",
            )


def guesses() -> Iterator[Case]:
    """Pseudo and soft labels, which training reads."""
    spec = both(
        edited("dataset.yaml", "classes:", "pseudo: {images: images, masks: pseudo}\nclasses:"),
        edited("spec.yaml", "  model: a.onnx\n", ""),
    )
    record = json.dumps({"classes": ["ground", "paper", "glass", "metal"], "confidence": 0.9, "teacher": "x"})
    for name, content in JUNK.items():
        made = both(spec, file("pseudo/pseudo.json", content))
        yield Case(f"pseudo.json: {name}", ("train", "spec.yaml"), made, says="pseudo")
        masks = both(spec, _copied("masks", "pseudo"), file("pseudo/pseudo.json", record))
        masks = both(masks, file("pseudo/0.png", content))
        yield Case(f"a pseudo mask: {name}", ("train", "spec.yaml"), masks, says="pseudo/0.png")


def calibrations() -> Iterator[Case]:
    """Calibrations in a spec, for other ensembles and for none."""
    whole = {"fingerprint": "x", "order": [0, 1, 2, 3], "risk": [0.1] * len(DOUBT_LEVELS), "images": 8}
    for key in whole:
        for name, value in {**VALUES, "NOTHING": None, "9,000 numbers": list(range(9000))}.items():
            changed = {k: v for k, v in (whole | {key: value}).items() if name != "NOTHING" or k != key}
            said = json.dumps({"tolerance": 0.1, "calibration": changed})
            text = f"runtime: cpu\nstopping: {said}".replace("Infinity", ".inf").replace("NaN", ".nan")
            made = edited("spec.yaml", "runtime: cpu", text)
            yield Case(f"calibration: {key} is {name}", ("ensemble", "spec.yaml"), made, says="spec.yaml")


def studies() -> Iterator[Case]:
    """The databases of sweeps, which only torch and Optuna open."""
    for name, content in JUNK.items():
        study = file("runs/sweep/sweep.db", content)
        yield Case(f"study: {name}", ("sweep", "show", "sweep.yaml"), study, "either", "sweep.db")


def special() -> Iterator[Case]:
    """FIFOs, devices and links where files of ours are kept."""
    commands = {
        "runs/evaluation-val.json": "evaluate spec.yaml",
        "submission.csv": "ensemble spec.yaml",
        "submission.csv.journal": "ensemble spec.yaml",
        "submission.csv.lock": "ensemble spec.yaml",
        ".seg-outputs": "ensemble spec.yaml",
        "one.csv": "submission check spec.yaml one.csv",
        "two.csv": "vote spec.yaml two.csv two.csv",
        "three.csv": "evaluate spec.yaml --submission=three.csv",
        "four.csv": "submission convert spec.yaml four.csv --to=png -o out",
        "sample.csv": "submission check spec.yaml masks/0.png --sample=sample.csv",
        "a.mp4": "video spec.yaml a.mp4",
        "runs/sweep/sweep.db": "sweep show sweep.yaml",
        "images/0.png": "ensemble spec.yaml",
        "masks/0.png": "evaluate spec.yaml",
        "list.txt": "ensemble spec.yaml --images=list.txt",
        "photos": "ensemble spec.yaml --images=photos",
        "cache": "evaluate spec.yaml",
        "report.html": "report spec.yaml",
        "overlay.png": "show spec.yaml",
        "pseudo": "pseudo spec.yaml --images=images",
    }
    for place, words in commands.items():
        for kind, put in SPECIAL.items():
            yield Case(f"{place} is {kind}", tuple(words.split()), _special(place, put), "either")


def _special(place: str, put: Prepare) -> Prepare:
    def prepare(folder: Path) -> None:
        path = folder / place
        path.parent.mkdir(parents=True, exist_ok=True)
        path.unlink(missing_ok=True)
        put(path)

    return prepare


def _copied(source: str, target: str) -> Prepare:
    def prepare(folder: Path) -> None:
        shutil.copytree(folder / source, folder / target)

    return prepare


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
        "a list": [],
        "no content": {"id": "0"},
        "an id that is a number": {"id": 3, "content": "CONTENT", "look": None},
        "an id that is a list": {"id": [], "content": [], "look": []},
        "a content that is a list": {"id": "0", "content": [], "look": {}},
        "another image": {"id": "nobody", "content": "x", "look": None},
    }
    huge = bytearray(right)
    huge[16:24] = struct.pack(">II", 60000, 60000)
    huge[29:33] = struct.pack(">I", zlib.crc32(huge[12:29]))
    return {
        "nothing": b"",
        "no line": b"x" * 100,
        "nested": b"[" * 100_000 + b"\n" + right,
        **{name: json.dumps(head).encode() + b"\n" + right for name, head in heads.items()},
        "no map": HEAD,
        "no newline": HEAD[:-1],
        "a map of junk": HEAD + b"x" * 100,
        "a map of another size": HEAD + png(np.zeros((5, 5), np.uint8)),
        "a map of colours": HEAD + png(np.zeros((16, 20, 3), np.uint8)),
        "a map of 16 bits": HEAD + png(np.zeros((16, 20), np.uint16)),
        "a map that claims another size": HEAD + bytes(huge),
        "a map that is cut off": HEAD + right[:-20],
        "labels of no class": HEAD + png(np.full((16, 20), 200, np.uint8)),
    }


def _journal(payload: bytes) -> Prepare:
    """A journal of this very run, begun by the command itself, with one more record."""

    def prepare(folder: Path) -> None:
        from seg.engine.jobs.fingerprint import run_fingerprint
        from seg.engine.resolved import resolve_ensemble
        from seg.files.atomic import content_hash
        from seg.spec import load_ensemble

        spec = load_ensemble(folder / "spec.yaml")
        resolved = resolve_ensemble(spec)
        fingerprint = run_fingerprint(resolved, resolved.samples).encode()
        record = payload.replace(b"CONTENT", content_hash(folder / "images/0.png").encode())
        records = b"".join(struct.pack("<II", len(p), zlib.crc32(p)) + p for p in (fingerprint, record))
        (folder / "submission.csv.journal").write_bytes(b"seg journal 2\n" + records)

    return prepare
