"""Videos: cut off, of other kinds, with mutated headers; and places where no video can be written."""

import functools
import random
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import cv2
import numpy as np

from tests.hostile.case import Case, both, file

LABEL: Final = ("video", "spec.yaml")

OUTPUTS: Final = (
    "out.txt",
    "out",
    "images",
    "clip.avi",
    "spec.yaml",
    "nothing/\0/out.mp4",
    "/proc/out.mp4",
    "a" * 300 + ".mp4",
    "a.onnx/out.mp4",
)
FLIPS: Final = 40


CODECS: Final = {".avi": "MJPG", ".mp4": "mp4v"}
WRITE: Final = """\
import sys, cv2, numpy
path, codec = sys.argv[1:]
writer = cv2.VideoWriter(path, cv2.VideoWriter.fourcc(*codec), 5, (20, 16))
for frame in range(3):
    writer.write(numpy.full((16, 20, 3), 80 * frame, numpy.uint8))
writer.release()
"""
"""In a process of its own: FFmpeg, once it is loaded, keeps to what it was told about its log."""


@functools.cache
def clip(ending: str) -> bytes:
    """Three frames of 20x16."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"clip{ending}"
        subprocess.run([sys.executable, "-c", WRITE, path, CODECS[ending]], check=True)
        return path.read_bytes()


def cases() -> Iterator[Case]:
    for name, content in _contents():
        yield Case(name, (*LABEL, name), file(name, content), "either", name)
    whole = file("clip.avi", clip(".avi"))
    for output in OUTPUTS:
        given = (*LABEL, "clip.avi", f"--output={output}")
        yield Case(f"to {output[:40]!a}", given, both(whole, file("out", "mine")))
    for name in ("images/*.png", "rtsp://127.0.0.1:9/x", "0", "clip.avi|cat", "v4l2:///dev/video0"):
        yield Case(f"named {name}", (*LABEL, name), whole)


def _contents() -> Iterator[tuple[str, bytes]]:
    for kind in (".avi", ".mp4"):
        whole = clip(kind)
        yield f"empty{kind}", b""
        yield f"text{kind}", b"hello\n" * 100
        yield f"junk{kind}", bytes(range(256)) * 40
        yield f"playlist{kind}", b"#EXTM3U\n#EXTINF:1,\nfile:///etc/passwd\n"
        yield f"concat{kind}", b"ffconcat version 1.0\nfile /etc/passwd\n"
        for share in range(1, 10):
            yield f"cut-{share}{kind}", whole[: len(whole) * share // 10]
        places = random.Random(0)
        for number in range(FLIPS):
            mutated = bytearray(whole)
            for _ in range(1 + number % 4):
                mutated[places.randrange(min(len(whole), 800))] = places.choice((0, 1, 127, 128, 255))
            yield f"mutated-{number}{kind}", bytes(mutated)
    yield "image.mp4", bytes(cv2.imencode(".png", np.zeros((16, 20, 3), np.uint8))[1].tobytes())
    yield "frame-of-4-gigapixels.avi", _with_avi_size(65535, 65535)
    yield "no-frame-rate.avi", clip(".avi").replace(b"strh", b"strX")


def _with_avi_size(width: int, height: int) -> bytes:
    """The AVI, in whose headers every size is another."""
    sizes = [(side).to_bytes(4, "little") for side in (20, 16)]
    new = [(side).to_bytes(4, "little") for side in (width, height)]
    return clip(".avi").replace(b"".join(sizes), b"".join(new))
