"""Each command without arguments, and with files that are missing, folders, of another kind or of no kind."""

import os
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from tests.hostile.case import Case, both, file

COMMANDS: Final[dict[str, str]] = {
    "train": "FILE",
    "export": "FILE",
    "ensemble": "FILE",
    "evaluate": "FILE",
    "report": "FILE",
    "show": "FILE",
    "tune": "FILE",
    "calibrate": "FILE",
    "pseudo": "FILE --images=images",
    "soup": "FILE",
    "distill": "FILE",
    "sweep run": "FILE",
    "sweep show": "FILE",
    "sweep top": "FILE 2",
    "runs note": "FILE --lb=1",
    "serve": "FILE --port=0",
    "video": "FILE a.mp4",
    "vote": "FILE one.csv two.csv",
    "data check": "FILE",
    "data preview": "FILE",
    "spec check": "FILE",
    "submission check": "FILE one.csv",
    "submission convert": "FILE one.csv --to=png -o out",
}
"""Where each takes its first file."""

OTHER_PLACES: Final[dict[str, str]] = {
    "train --member": "spec.yaml --member=FILE",
    "ensemble --images": "spec.yaml --images=FILE",
    "evaluate --submission": "spec.yaml --submission=FILE",
    "evaluate --against": "spec.yaml --submission=one.csv --against=FILE",
    "show": "spec.yaml FILE",
    "show --submission": "spec.yaml --submission=FILE",
    "pseudo": "spec.yaml --images=FILE",
    "soup": "spec.yaml FILE FILE",
    "video": "spec.yaml FILE",
    "vote": "spec.yaml FILE one.csv",
    "submission check": "spec.yaml FILE",
    "submission check --sample": "spec.yaml one.csv --sample=FILE",
    "submission convert": "spec.yaml FILE --to=png -o out",
    "runs --folder": "--folder=FILE",
    "data sample": "FILE",
}
"""Where they take others: a word with `--` says the option that is tried, and is no part of the command."""

FILES: Final = (
    "nothing",
    "nothing/nothing.yaml",
    "images",
    ".",
    "/",
    "pipe",
    "socket",
    "circle",
    "a.onnx",
    "images/0.png",
    "dataset.yaml/x",
    "\udcff\udcfe",
    "a" * 300,
    "",
    "/dev/zero",
    "/proc/self/mem",
    "unfinished.csv",
)
OTHER_KINDS: Final[dict[str, tuple[str, ...]]] = {
    "dataset.yaml": ("data check", "data preview"),
    "sweep.yaml": ("sweep run", "sweep show", "sweep top"),
    "spec.yaml": tuple(words for words in COMMANDS if not words.startswith(("sweep", "runs"))),
}
"""Specs, and the commands that they are for."""


def cases() -> Iterator[Case]:
    files = both(_odd_files, file("one.csv", "ImageId,ClassId,EncodedPixels\n0,2,1 3\n"))
    for words, form in COMMANDS.items():
        command = tuple(words.split())
        yield Case(f"{words} without arguments", command)
        yield Case(f"{words} with an unknown option", (*command, "spec.yaml", "--nope"), says="--nope")
        yield Case(f"{words} with an argument too many", (*command, *"abcdefg"), expected="refused")
        for name in FILES:
            if (words, name) != ("serve", "a.onnx"):  # It would serve the model.
                yield Case(f"{words} {name[:40]!a}", (*command, *_filled(form, name)), files)
        for name, meant in OTHER_KINDS.items():
            if words not in meant:
                yield Case(f"{words} {name}", (*command, *_filled(form, name)), says=name)
    for words, form in OTHER_PLACES.items():
        command = tuple(word for word in words.split() if not word.startswith("--"))
        for name in FILES:
            if words == "data sample" and name.startswith("/"):  # It would write there.
                continue
            given = (*command, *_filled(form, name))
            yield Case(f"{words} {name[:40]!a}", given, files, expected="either")
    for words in ("data", "spec", "submission", "cache", "sweep", "nope", "-x", "--", "data nope"):
        yield Case(f"{words} without a command", tuple(words.split()))


def _filled(form: str, name: str) -> list[str]:
    return [part.replace("FILE", name) for part in form.split()]


def _odd_files(folder: Path) -> None:
    os.mkfifo(folder / "pipe")
    (folder / "circle").symlink_to("circle")
    (folder / "unfinished.csv").write_bytes(b"ImageId,ClassId")
    here = Path.cwd()
    os.chdir(folder)
    try:
        with socket.socket(socket.AF_UNIX) as opened:
            opened.bind("socket")
    finally:
        os.chdir(here)
