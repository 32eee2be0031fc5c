"""`python -m seg.engine.serve.bodies.worker PIPE BYTES`: the process that reads bodies."""

import ctypes
import json
import logging
import os
import resource
import sys
from http import HTTPStatus
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, Final

import cv2

from seg.engine.serve.bodies.request_body import BodyHeader, pixels_as_bytes, read_body_header
from seg.engine.serve.http.errors import HttpError
from seg.stop_signals import ignore_stop_signals

NICENESS: Final = 5
"""The HTTP process goes first."""

_STATM: Final = Path("/proc/self/statm")


def main() -> None:
    """Read bodies until the pipe is closed."""
    ignore_stop_signals()
    os.nice(NICENESS)
    logging.disable(logging.CRITICAL)
    cv2.setNumThreads(1)
    pipe = Connection(int(sys.argv[1]))
    _limit_memory_of_process(int(sys.argv[2]))
    libc = ctypes.CDLL(None)
    while True:
        try:
            _read_one_body(pipe)
            if hasattr(libc, "malloc_trim"):
                libc.malloc_trim(0)
        except EOFError:
            return
        except HttpError as error:
            _reply_with_json(pipe, {"status": error.status, "error": error.line})
        except MemoryError:
            line = "the body takes too much memory to read: send tensors as binary data, and smaller images"
            _reply_with_json(pipe, {"status": HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "error": line})


def _read_one_body(pipe: Connection) -> None:
    header = BodyHeader.from_json(json.loads(pipe.recv_bytes()))
    body = read_body_header(header, pipe.recv_bytes())
    _reply_with_json(pipe, {"shape": body.shape, "request": body.request})
    if pipe.recv_bytes() == b"pixels":
        images_nhwc = body.pixels()
        _reply_with_json(pipe, {"shape": images_nhwc.shape[:3]})
        pipe.send_bytes(pixels_as_bytes(images_nhwc))


def _limit_memory_of_process(count: int) -> None:
    """Let this process allocate so many bytes more; where the system does not tell what it has, no limit."""
    if _STATM.exists():
        taken = int(_STATM.read_text(encoding="ascii").split()[0]) * resource.getpagesize()
        resource.setrlimit(resource.RLIMIT_AS, (taken + count, taken + count))


def _reply_with_json(pipe: Connection, values: dict[str, Any]) -> None:
    pipe.send_bytes(json.dumps(values).encode())


if __name__ == "__main__":
    main()
