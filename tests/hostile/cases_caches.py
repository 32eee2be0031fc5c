"""Cached probabilities and soft labels: damaged, or right in their checksum and wrong inside."""

import functools
import os
import struct
import subprocess
import sys
import tempfile
import zlib
from collections.abc import Iterator, Mapping
from io import BytesIO
from pathlib import Path
from typing import Any, Final

import blosc2
import numpy as np

from tests.hostile.case import Case, Prepare, both, edited, file
from tests.hostile.cases_disk import JUNK, SPECIAL
from tests.hostile.isolated import ROOT
from tests.hostile.project import write_project

READERS: Final = ("tune spec.yaml", "report spec.yaml")
FORMAT: Final = b"seg pass 1\n"

FRAMES: Final[dict[str, Any]] = {
    "another size": np.zeros((4, 5, 5), np.uint8),
    "another number of classes": np.zeros((3, 16, 20), np.uint8),
    "two dimensions": np.zeros((16, 20), np.uint8),
    "other numbers": np.zeros((4, 16, 20), np.float64),
    "texts": np.zeros((4, 16, 20), "S3"),
    "nothing": np.zeros((0, 16, 20), np.uint8),
}
"""Content of a pass whose checksum is right."""

TIMES: Final = ("", "nan", "inf", "-1", "0", "1e400", "x", "9" * 5000, "1\n2", "\0", "0x10")

SOFT: Final[dict[str, Mapping[str, Any]]] = {
    "another size": {"arr_0": np.zeros((4, 5, 5), np.uint8)},
    "another number of classes": {"arr_0": np.zeros((3, 16, 20), np.uint8)},
    "two dimensions": {"arr_0": np.zeros((16, 20), np.uint8)},
    "other numbers": {"arr_0": np.zeros((4, 16, 20), np.float64)},
    "objects": {"arr_0": np.array([{}], dtype=object)},
    "another name": {"x": np.zeros((4, 16, 20), np.uint8)},
    "no array": {},
}


def cases() -> Iterator[Case]:
    for words in READERS:
        command = tuple(words.split())
        for place in ("pass", "milliseconds"):
            for name, content in JUNK.items():
                yield Case(f"{words}: {place}: {name}", command, _cached(place, content), "accepted")
            for name, put in SPECIAL.items():
                yield Case(f"{words}: {place}: {name}", command, _cached(place, put), "accepted")
        for name, array in FRAMES.items():
            made = _cached("pass", _pass(blosc2.asarray(array).to_cframe()))
            yield Case(f"{words}: a pass of {name}", command, made, "accepted")
        for name, content in {"junk": b"x" * 100, "nothing": b"", "a cut frame": _frame()[:40]}.items():
            yield Case(f"{words}: a pass of {name}", command, _cached("pass", _pass(content)), "accepted")
        for text in TIMES:
            yield Case(
                f"{words}: milliseconds {text[:9]!a}", command, _cached("milliseconds", text), "accepted"
            )
    for words in ("cache ls", "cache prune --to=1KB"):
        for name, put in SPECIAL.items():
            for place in ("pass", "milliseconds", "folder"):
                yield Case(f"{words}: {place}: {name}", tuple(words.split()), _cached(place, put), "accepted")


def soft_labels() -> Iterator[Case]:
    """Those of `seg distill`, which trains on them."""
    distill = ("distill", "spec.yaml", "--student=fpn/resnet18")
    for name, content in JUNK.items():
        yield Case(f"soft labels: {name}", distill, _soft(content), "accepted", megabytes=600, seconds=60)
    for name, arrays in SOFT.items():
        packed = BytesIO()
        np.savez_compressed(packed, **arrays)
        made = _soft(packed.getvalue())
        yield Case(f"soft labels of {name}", distill, made, "either", "soft_labels", 60, 600)


@functools.cache
def _cache() -> dict[str, bytes]:
    """What tuning the project leaves in its cache, by path."""
    with tempfile.TemporaryDirectory() as parent:
        project = Path(parent) / "project"
        write_project(project)
        environment = os.environ | {"XDG_CACHE_HOME": str(project / "cache"), "PYTHONPATH": str(ROOT)}
        command = [sys.executable, "-m", "seg", "tune", "spec.yaml"]
        subprocess.run(command, cwd=project, env=environment, check=True, capture_output=True)
        cached = (path for path in (project / "cache").rglob("*") if path.is_file())
        return {str(path.relative_to(project)): path.read_bytes() for path in cached}


def _cached(place: str, content: str | bytes | Prepare) -> Prepare:
    """The cache with the first of its passes or times, or a model's whole folder, replaced."""
    name = next(name for name in sorted(_cache()) if name.endswith("milliseconds") == (place != "pass"))

    def prepare(folder: Path) -> None:
        for cached, data in _cache().items():
            file(cached, data)(folder)
        path = folder / name
        if not callable(content):
            file(name, content)(folder)
        elif place == "folder":
            path.parent.rename(folder / "former")
            content(path.parent)
        else:
            path.unlink()
            content(path)

    return prepare


def _frame() -> bytes:
    return bytes(blosc2.asarray(np.zeros((4, 16, 20), np.uint8)).to_cframe())


def _pass(frame: bytes) -> bytes:
    return struct.pack(f"<{len(FORMAT)}sI", FORMAT, zlib.crc32(frame)) + frame


def _soft(content: str | bytes) -> Prepare:
    def prepare(folder: Path) -> None:
        from seg.engine.jobs.fingerprint import ensemble_fingerprint
        from seg.engine.resolved import resolve_ensemble
        from seg.files.atomic import sha256_of
        from seg.labels.soft_labels import SoftLabels
        from seg.spec import load_ensemble

        spec = load_ensemble(folder / "spec.yaml")
        kept = SoftLabels.of_teacher(spec.runs, ensemble_fingerprint(resolve_ensemble(spec))).folder
        name = f"{sha256_of(folder / 'images/0.png')[:16]}.npz"
        file(str(kept.relative_to(folder) / name), content)(folder)

    return both(edited("spec.yaml", "  crop: 64\n", "  crop: 64\n  epochs: 1\n  batch_size: 4\n"), prepare)
