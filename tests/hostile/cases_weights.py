"""Checkpoints, encoder weights and unfinished runs: cut off, mutated, of other types, malicious."""

import functools
import json
import os
import random
import struct
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

from tests.hostile.case import Case, Prepare, both, file

SPEC: Final = """\
data: dataset.yaml
recipe: {architecture: fpn, encoder: resnet18, crop: 64, epochs: 2, batch_size: 4, encoder_weights: WEIGHTS}
runtime: cpu
members:
- name: a
- name: b
"""

WRITE: Final = """\
import sys
from seg.train.networks.checkpoint import save_checkpoint
from seg.train.networks import build_network
from tests.engine.tiny_models import CLASSES, tiny_card
network = build_network("fpn", "resnet18", len(CLASSES))
card = tiny_card("a", CLASSES).model_copy(update={"architecture": "fpn", "encoder": "resnet18"})
save_checkpoint(__import__("pathlib").Path(sys.argv[1]), network, card)
"""

PICKLES: Final[dict[str, bytes]] = {
    "nothing": b"",
    "a short pickle": b"\x80\x02",
    "a pickle that runs": b"cos\nsystem\n(S'touch ran'\ntR.",
    "a list": b"\x80\x02].",
    "a number": b"\x80\x02K\x01.",
    "a mapping of numbers": b"\x80\x02}K\x01K\x02s.",
    "a mapping that holds itself": b"\x80\x02}q\0U\x05modelq\1h\0s.",
    "nested lists": b"\x80\x02" + b"]" * 50_000 + b"a" * 49_999 + b".",
    "a long memo": b"\x80\x02Nr\xff\xff\xff\xff.",
    "a huge text": b"\x80\x02X\xff\xff\xff\x7f.",
    "a cut archive": b"PK\x03\x04" + bytes(100),
    "junk": bytes(range(256)) * 40,
    "NUL": bytes(5000),
    "text": b"hello\n" * 100,
}

CHANGES: Final[dict[str, Callable[[dict[str, Any]], object]]] = {
    "no tensor": lambda head: [head.pop(name) for name in list(head) if name != "__metadata__"],
    "a tensor is missing": lambda head: head.pop(_first(head)),
    "no metadata": lambda head: head.pop("__metadata__"),
    "metadata that are a list": lambda head: head.update(__metadata__=[]),
    "a card of junk": lambda head: head["__metadata__"].update({"seg.card": "{}"}),
    "a nested card": lambda head: head["__metadata__"].update({"seg.card": "[" * 100_000}),
    "a card of another network": lambda head: _carded(head, architecture="unet", encoder="resnet34"),
    "a card of no network": lambda head: _carded(head, architecture="nothing", encoder="../../x"),
    "a card without classes": lambda head: _carded(head, classes=[]),
    "a card of 100,000 classes": lambda head: _carded(
        head, classes=[{"id": n, "name": str(n), "colour": [0, 0, 0]} for n in range(100_000)]
    ),
    "a newer card": lambda head: _carded(head, version=99),
    "other numbers": lambda head: _first_is(head, dtype="I32"),
    "a type that is unknown": lambda head: _first_is(head, dtype="X7"),
    "a type of four bits": lambda head: _first_is(head, dtype="F4"),
    "an exponent as type": lambda head: _first_is(head, dtype="F8_E8M0"),
    "complex numbers": lambda head: _first_is(head, dtype="C64"),
    "a shape of texts": lambda head: _first_is(head, shape=["x"]),
    "a negative shape": lambda head: _first_is(head, shape=[-1]),
    "a huge shape": lambda head: _first_is(head, shape=[2**62, 2**62]),
    "places beyond the end": lambda head: _first_is(head, data_offsets=[0, 2**60]),
    "places backwards": lambda head: _first_is(head, data_offsets=[100, 0]),
}


def cases() -> Iterator[Case]:
    export = ("export", "weights.yaml", "--member=a")
    for name, content in _checkpoints():
        made = both(_spec("null"), file("runs/a/model.safetensors", content))
        yield Case(f"export: {name}", export, made, says="runs/a/model.safetensors", megabytes=600)
        if not name.startswith("bit"):
            soup = both(made, file("runs/b/model.safetensors", content))
            yield Case(f"soup: {name}", ("soup", "weights.yaml"), soup, megabytes=600)
    for suffix in (".pth", ".safetensors"):
        for name, content in PICKLES.items():
            put = both(_spec(f"w{suffix}"), file(f"w{suffix}", content))
            yield Case(f"encoder weights {suffix}: {name}", ("train", "weights.yaml"), put, says=f"w{suffix}")
    for place in ("runs/a/model.safetensors", "w.pth"):
        for name, put in SPECIAL.items():
            made = both(_spec("w.pth"), _at(place, put))
            command = ("train", "weights.yaml") if place == "w.pth" else export
            yield Case(f"{place}: {name}", command, made, says=place)


def _checkpoints() -> Iterator[tuple[str, bytes]]:
    whole = checkpoint()
    length = struct.unpack_from("<Q", whole)[0]
    head, body = json.loads(whole[8 : 8 + length]), whole[8 + length :]
    yield from PICKLES.items()
    for cut in (4, 8, 100, 8 + length, len(whole) - 1):
        yield f"cut off after {cut}", whole[:cut]
    yield "a head of the wrong length", struct.pack("<Q", 2**60) + whole[8:]
    yield "a nested head", _packed(b'{"a":' * 100_000)
    yield "more behind the end", whole + b"x"
    yield "NaN", whole[: 8 + length] + b"\xff" * len(body)
    for name, change in CHANGES.items():
        changed = json.loads(json.dumps(head))
        change(changed)
        yield name, _packed(json.dumps(changed).encode()) + body
    places = random.Random(0)
    for _ in range(30):
        bit = places.randrange(8 * 8, 8 * (8 + length))
        flipped = bytearray(whole)
        flipped[bit // 8] ^= 1 << bit % 8
        if b"seg.card" in flipped[: 8 + length]:  # The rest of a card may say anything.
            yield f"bit {bit}", bytes(flipped)


def _packed(head: bytes) -> bytes:
    return struct.pack("<Q", len(head)) + head


def _first(head: dict[str, Any]) -> str:
    return min(name for name in head if name != "__metadata__")


def _first_is(head: dict[str, Any], **changed: Any) -> None:
    head[_first(head)].update(changed)


def _carded(head: dict[str, Any], **changed: Any) -> None:
    card = json.loads(head["__metadata__"]["seg.card"]) | changed
    head["__metadata__"]["seg.card"] = json.dumps(card)


@functools.cache
def checkpoint() -> bytes:
    """A right one, written by another process: torch starts threads, beside which none can be forked."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.safetensors"
        subprocess.run([sys.executable, "-c", WRITE, path], check=True)
        return path.read_bytes()


def _spec(weights: str) -> Prepare:
    return file("weights.yaml", SPEC.replace("WEIGHTS", weights))


def _at(place: str, put: Prepare) -> Prepare:
    def prepare(folder: Path) -> None:
        (folder / place).parent.mkdir(parents=True, exist_ok=True)
        put(folder / place)

    return prepare


SPECIAL: Final[dict[str, Prepare]] = {
    "nothing": lambda path: None,
    "a folder": lambda path: path.mkdir(),
    "a pipe": os.mkfifo,
    "a link to nothing": lambda path: path.symlink_to("nothing"),
    "a link to itself": lambda path: path.symlink_to(path.name),
    "a link to /dev/zero": lambda path: path.symlink_to("/dev/zero"),
}
