"""A process that reads request bodies, with a bound on its memory, and the pool that uses it.

A file of some kilobytes can make a decoder allocate gigabytes, whatever its header says to another parser; a
long JSON keeps Python's interpreter lock for seconds. Here both meet a limit of the operating system, and
the server goes on: a process that fails or takes too long is killed and replaced.

The protocol on the pipe, ours first: header as JSON, body; shape or error as JSON; then, if the pixels are
wanted, a word; their final shape or an error as JSON, pixels. No pickle: a process that reads what
strangers send is not trusted either.
"""

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from http import HTTPStatus
from math import prod
from multiprocessing import Pipe
from multiprocessing.connection import Connection
from typing import Any, Final, Self, TypeVar

import numpy as np

from seg.engine.runtimes.base import ImagesNHWC
from seg.engine.serve.bodies.reader_slots import ReaderSlots
from seg.engine.serve.bodies.request_body import BodyHeader
from seg.engine.serve.http.admission import Reservation
from seg.engine.serve.http.errors import HttpError
from seg.image_type import RGB8, ImageType

PROCESSES: Final = 2
"""So that one slow body does not hold up all others."""

SMALL_BYTES: Final = 2**20
"""Larger bodies are read in the first process alone, so that small ones never wait for them."""

PROCESS_BYTES: Final = 60 * 2**20
"""What Python, NumPy and OpenCV take in each process."""

READING_S: Final = 20.0
"""The most that a body may take to be read; the largest honest ones take about a second."""

_BYTES_A_PIXEL: Final = 16
"""What decoding may take: 16 bits in four channels, their 8-bit copy, and the copy that is turned upright."""

_COPIES_OF_BANDS: Final = 4
"""Of images of bands: as they are read, with bands last, scaled by percentiles, and as members take them."""

_COPIES_OF_BODY: Final = 3
_TIMES_JSON: Final = 30
"""What numbers in JSON take as Python's lists, for each byte."""

_ROOM: Final = 64 * 2**20

_GO: Final = b"pixels"
_STOP: Final = b"stop"
_BROKEN: Final = (EOFError, OSError, ValueError)

Result = TypeVar("Result")


def memory_of_body_process(most_pixels: int, most_bytes: int, image_type: ImageType = RGB8) -> int:
    """What one process may allocate for bodies of so many pixels and bytes."""
    return most_pixels * _decoding_bytes_a_pixel(image_type) + most_bytes * _COPIES_OF_BODY + _ROOM


def _decoding_bytes_a_pixel(image_type: ImageType) -> int:
    """What decoding takes for each pixel."""
    return max(_BYTES_A_PIXEL, _COPIES_OF_BANDS * image_type.bytes_a_pixel)


@dataclass(frozen=True, slots=True)
class BodyProcess:
    """A process and the pipe to it. Its methods block."""

    process: "subprocess.Popen[bytes]"
    pipe: Connection

    @classmethod
    def start(cls, memory: int, most_pixels: int) -> Self:
        """A process that may allocate `memory` bytes, and whose image decoder refuses more pixels."""
        ours, theirs = Pipe()
        command = [sys.executable, "-m", "seg.engine.serve.bodies.worker", str(theirs.fileno()), str(memory)]
        # OpenCV compares the size that its own decoder reads with this before it allocates anything.
        environment = os.environ | {"OPENCV_IO_MAX_IMAGE_PIXELS": str(most_pixels), "OMP_NUM_THREADS": "1"}
        process = subprocess.Popen(
            command,
            env=environment,
            pass_fds=[theirs.fileno()],
            stdin=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            # Ctrl-C is for the server, which answers those inside before it ends. Not a session of its own:
            # Linux shares processors out among sessions first, and priorities count within one.
            process_group=0,
        )
        theirs.close()
        return cls(process, ours)

    def read_header(self, header: BodyHeader, body: bytes | bytearray) -> dict[str, Any]:
        """The body's shape `[N, H, W]` and what else is asked for; raises HttpError."""
        try:
            self.pipe.send_bytes(json.dumps(header.as_json()).encode())
            self.pipe.send_bytes(body)
            return self._reply()
        except _BROKEN as error:
            raise self._failure() from error

    def read_pixels(self, shape: tuple[int, int, int], image_type: ImageType) -> ImagesNHWC:
        """Images `[N, H, W, B]` of just so many pixels as were announced; raises HttpError."""
        try:
            self.pipe.send_bytes(_GO)
            final = tuple(map(int, self._reply()["shape"]))
            if len(final) != len(shape) or prod(final) != prod(shape):
                raise ValueError(f"announced {shape}, got {final}")
            images_nhwc = np.empty((*final, image_type.bands), dtype=image_type.pixels)
            self.pipe.recv_bytes_into(images_nhwc.reshape(-1).view(np.uint8).data)
            return images_nhwc
        except _BROKEN as error:
            raise self._failure() from error

    def skip_pixels(self) -> None:
        """Make ready for the next body."""
        with suppress(*_BROKEN):
            self.pipe.send_bytes(_STOP)

    @property
    def is_running(self) -> bool:
        return self.process.poll() is None

    def end(self) -> None:
        """Kill it; a thread that waits for its reply gets EOFError."""
        self.process.kill()
        self.process.wait()

    def _reply(self) -> dict[str, Any]:
        if not self.pipe.poll(READING_S):
            self.end()
            raise HttpError(HTTPStatus.BAD_REQUEST, f"the body could not be read within {READING_S:g} s")
        reply: dict[str, Any] = json.loads(self.pipe.recv_bytes())
        if "error" in reply:
            raise HttpError(HTTPStatus(reply["status"]), reply["error"])
        return reply

    def _failure(self) -> HttpError:
        self.end()
        return HttpError(HTTPStatus.BAD_REQUEST, "the body made its decoder fail: it is damaged")


_Run = Callable[..., Awaitable[Any]]


class OpenBody:
    """A body whose header was read, in the process that can read its pixels.

    Attributes:
        shape: how many images, and their height and width before any EXIF turn.
        request: what a request by the Open Inference Protocol asks for beside.
    """

    def __init__(self, process: BodyProcess, reply: dict[str, Any], image_type: ImageType, run: _Run) -> None:
        count, height, width = map(int, reply["shape"])
        self.shape = (count, height, width)
        self.request: dict[str, Any] = reply["request"]
        self.is_read = False
        self._process = process
        self._image_type = image_type
        self._run = run

    async def pixels(self) -> ImagesNHWC:
        """Images `[N, H, W, B]`; raises HttpError."""
        self.is_read = True
        images_nhwc: ImagesNHWC = await self._run(self._process.read_pixels, self.shape, self._image_type)
        return images_nhwc


class BodyReader:
    """Reads bodies in processes of its own, a few at a time. Belongs to one event loop."""

    def __init__(self, most_pixels: int, most_bytes: int, image_type: ImageType = RGB8) -> None:
        self._most_pixels = most_pixels
        self._memory = memory_of_body_process(most_pixels, most_bytes, image_type)
        self._threads = ThreadPoolExecutor(PROCESSES, thread_name_prefix="seg-body")
        # The first starts now; the others when so many bodies are read at once for the first time.
        self._processes: list[BodyProcess | None] = [*[None] * (PROCESSES - 1), self._start()]
        self._slots = ReaderSlots(PROCESSES)

    @asynccontextmanager
    async def open(
        self, header: BodyHeader, body: bytes | bytearray, held: Reservation
    ) -> AsyncIterator[OpenBody]:
        """Read the header of a body, in a process that is kept until the context is left.

        Raises:
            HttpError: 400, 413, 415 or 429, in one line.
        """
        slot = await self._slots.take(is_small=len(body) <= SMALL_BYTES)
        reading = held.another()
        try:
            reading.add(self._memory_of(header, len(body)))
            process = self._processes[slot]
            if process is None or not process.is_running:
                process = await self._run(self._start)
                self._processes[slot] = process
            reply = await self._run(process.read_header, header, body)
            opened = OpenBody(process, reply, header.image_type, self._run)
            try:
                if header.kind == "image":
                    reading.add(_decoding_bytes_a_pixel(header.image_type) * prod(opened.shape))
                yield opened
            finally:
                if not opened.is_read:
                    process.skip_pixels()
        except HttpError:
            raise
        except BaseException:
            # What a process that was left in the middle sends next would be taken for the next body's.
            if process:
                process.end()
            raise
        finally:
            reading.release()
            self._slots.give_back(slot)

    def close(self) -> None:
        """End all processes."""
        for process in filter(None, self._processes):
            process.end()
        self._threads.shutdown()

    async def _run(self, work: Callable[..., Result], *arguments: Any) -> Result:
        return await asyncio.get_running_loop().run_in_executor(self._threads, work, *arguments)

    def _memory_of(self, header: BodyHeader, size: int) -> int:
        """What reading takes before the number of pixels is known."""
        if header.kind == "image":
            return _COPIES_OF_BODY * size
        length = header.json_length
        json_bytes = int(length) if length and length.isdecimal() else size
        return min(self._memory, _COPIES_OF_BODY * size + _TIMES_JSON * min(json_bytes, size))

    def _start(self) -> BodyProcess:
        return BodyProcess.start(self._memory, self._most_pixels)
