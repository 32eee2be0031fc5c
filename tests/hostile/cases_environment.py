"""The machine around a command: no home, no cache, no folder, closed streams, small limits, odd names."""

import ctypes
import os
import resource
import shutil
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from tests.hostile.case import Case, Prepare, both, file

SUBMISSION: Final = "ImageId_ClassId,EncodedPixels\n0_1,1 3\n"

COMMANDS: Final = (
    "ensemble spec.yaml",
    "evaluate spec.yaml",
    "tune spec.yaml",
    "show spec.yaml",
    "report spec.yaml",
    "calibrate spec.yaml",
    "pseudo spec.yaml --images=images",
    "data check dataset.yaml",
    "data sample sample",
    "spec check spec.yaml",
    "submission check spec.yaml one.csv",
    "submission convert spec.yaml one.csv --to=png -o out",
    "vote spec.yaml one.csv one.csv",
    "runs",
    "cache ls",
    "doctor",
    "--help",
    "--version",
)


def _variable(name: str, value: str | None) -> Prepare:
    def inside(folder: Path) -> None:
        if value is None:
            os.environ.pop(name, None)
        else:
            os.environ[name] = value.replace("HERE", str(folder))

    return inside


def _both_homes(home: str | None) -> Prepare:
    return both(_variable("XDG_CACHE_HOME", None), _variable("HOME", home))


def _no_folder(folder: Path) -> None:
    shutil.rmtree(folder)


def _closed(*numbers: int) -> Prepare:
    def inside(folder: Path) -> None:
        for number in numbers:
            os.close(number)

    return inside


def _closed_pipe(number: int) -> Prepare:
    """Writes go to a pipe that nobody reads any more."""

    def inside(folder: Path) -> None:
        reading, writing = os.pipe()
        os.dup2(writing, number)
        os.close(reading)

    return inside


def _limit(kind: int, value: int) -> Prepare:
    def inside(folder: Path) -> None:
        resource.setrlimit(kind, (value, value))

    return inside


def _temporary_folders(value: str) -> Prepare:
    def inside(folder: Path) -> None:
        import tempfile

        tempfile.tempdir = None
        for name in ("TMPDIR", "TEMP", "TMP"):
            os.environ[name] = value.replace("HERE", str(folder))

    return inside


def _obey_permissions(folder: Path) -> None:
    """Root obeys permissions from now on, as anybody else does."""
    header = struct.pack("Ii", 0x20080522, 0)
    if ctypes.CDLL(None, use_errno=True).capset(header, bytes(24)):
        raise OSError(ctypes.get_errno(), "capset")


def _ascii(folder: Path) -> None:
    os.environ |= {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0", "PYTHONIOENCODING": "ascii"}


ENVIRONMENTS: Final[dict[str, Prepare]] = {
    "no home": _both_homes(None),
    "an empty home": _both_homes(""),
    "a home that is missing": _both_homes("/nothing/nobody"),
    "a home that is a file": _both_homes("HERE/spec.yaml"),
    "a relative home": _both_homes("here"),
    "a cache that is a file": _variable("XDG_CACHE_HOME", "HERE/spec.yaml"),
    "a cache that cannot be": _variable("XDG_CACHE_HOME", "/proc/nothing"),
    "an empty cache": _variable("XDG_CACHE_HOME", ""),
    "a relative cache": _variable("XDG_CACHE_HOME", "cache"),
    "a cache of odd bytes": _variable("XDG_CACHE_HOME", "HERE/\udcff\n"),
    "no temporary folder": _temporary_folders("/nothing"),
    "a temporary folder that is a file": _temporary_folders("HERE/spec.yaml"),
    "no columns": _variable("COLUMNS", "0"),
    "columns that are a text": _variable("COLUMNS", "x"),
    "threads that are a text": _variable("OMP_NUM_THREADS", "x"),
    "no terminal": _variable("TERM", ""),
    "few open files": _limit(resource.RLIMIT_NOFILE, 12),
    "no byte in any file": _limit(resource.RLIMIT_FSIZE, 0),
    "some bytes in each file": _limit(resource.RLIMIT_FSIZE, 1000),
    "little memory": _limit(resource.RLIMIT_DATA, 2**25),
}

OF_INTERPRETERS: Final[dict[str, Prepare]] = {
    "stdout closed": _closed(1),
    "stdout that nobody reads": _closed_pipe(1),
    "stderr closed": _closed(2),
    "stderr that nobody reads": _closed_pipe(2),
    "all streams closed": _closed(0, 1, 2),
    "ASCII": _ascii,
    "no folder to work in": _no_folder,
}
"""What an interpreter sees only when it starts."""

ODD_NAMES: Final = (
    b"\xff\xfe",
    b"\x1b[31m",
    b"a\nb",
    b"-x",
    b"$(id)",
    b" ",
    "ü".encode(),
    "u\u0308".encode(),
)


UNREADABLE: Final = (
    "spec.yaml",
    "dataset.yaml",
    "one.csv",
    "images",
    "images/0.png",
    "masks/0.png",
    "a.onnx",
    ".",
)


def _unreadable(name: str, mode: int) -> Prepare:
    """One of the files, or the folder itself, is closed to the user."""

    def prepare(folder: Path) -> None:
        (folder / name).chmod(mode)

    return prepare


def cases() -> Iterator[Case]:
    one = file("one.csv", SUBMISSION)
    for words in COMMANDS:
        for name, inside in ENVIRONMENTS.items():
            given = tuple(words.split())
            yield Case(f"{words}: {name}", given, one, "either", inside=inside, megabytes=400)
        for name, inside in OF_INTERPRETERS.items():
            given = tuple(words.split())
            yield Case(f"{words}: {name}", given, one, "either", inside=inside, anew=True, megabytes=4000)
        for name in UNREADABLE:
            for mode in (0o000, 0o444):
                given = tuple(words.split())
                closed = both(one, _unreadable(name, mode))
                yield Case(f"{words}: {name} {mode:o}", given, closed, "either", inside=_obey_permissions)
    for raw in ODD_NAMES:
        name = os.fsdecode(raw)
        for words in ("ensemble", "data check"):
            yield Case(
                f"{words} in {name!a}", (*words.split(), f"./{name}/spec.yaml"), _inside(name), "either"
            )
        yield Case(f"ensemble to {name!a}", ("ensemble", "spec.yaml", f"--output={name}"), expected="either")


def _inside(name: str) -> Prepare:
    """A copy of the project in a folder of this name."""

    def prepare(folder: Path) -> None:
        shutil.copytree(folder, folder / name, ignore=lambda *_: [name])

    return prepare
