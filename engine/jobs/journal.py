"""The journal: what a run has finished, in a file that a kill at any byte cannot spoil.

It lies next to the output. After a line that names the format come records: length and CRC-32 of a
payload, then the payload. The first payload is the run's fingerprint; each other one is a line of JSON
with an image's id and the bytes its file had, and the label map as PNG. A record that was cut off is dropped
when the journal is opened again.
"""

import json
import os
import struct
import time
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Final, Self

import cv2
import numpy as np
from filelock import FileLock, Timeout

from seg.errors import OutputError
from seg.labels import LabelsHW

_FORMAT: Final = b"seg journal 1\n"
_FRAME: Final = struct.Struct("<II")
_SYNC_EVERY_S: Final = 1.0


@dataclass(frozen=True, slots=True)
class Entry:
    """An image that is decided, on the output's grid.

    `source_bytes` is the size of the image's file: one that has another by now is another image.
    """

    id: str
    source_bytes: int
    labels_hw: LabelsHW

    def packed(self) -> bytes:
        """The entry as a record's payload."""
        _, png = cv2.imencode(".png", self.labels_hw, [cv2.IMWRITE_PNG_COMPRESSION, 1])
        head = json.dumps({"id": self.id, "bytes": self.source_bytes})
        return head.encode() + b"\n" + png.tobytes()

    @classmethod
    def unpacked(cls, payload: bytes) -> Self:
        head, png = _split(payload)
        labels_hw = cv2.imdecode(np.frombuffer(png, dtype=np.uint8), cv2.IMREAD_UNCHANGED)
        return cls(head["id"], head["bytes"], np.asarray(labels_hw, dtype=np.uint8))


class Journal:
    """Append-only and held by one process. Use as a context manager."""

    def __init__(self, output: Path, fingerprint: str, *, restart: bool = False) -> None:
        self.path = output.with_name(output.name + ".journal")
        self._fingerprint = fingerprint
        self._restart = restart
        self._lock = FileLock(output.with_name(output.name + ".lock"))
        self._places: dict[tuple[str, int], int] = {}
        self._file: IO[bytes]
        self._last_sync = 0.0

    def __enter__(self) -> Self:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        try:
            self._lock.acquire(timeout=0)
        except Timeout as error:
            raise OutputError(
                f"{self.path}: another run is writing this output: wait for it, or name another file"
            ) from error
        try:
            self._open()
        except BaseException:
            self._lock.release()
            raise
        return self

    def __exit__(self, *exception: object) -> None:
        self._sync()
        self._file.close()
        self._lock.release()

    def has(self, image_id: str, source_bytes: int) -> bool:
        """Whether the image of that id was decided when its file had that size."""
        return (image_id, source_bytes) in self._places

    def append(self, payload: bytes) -> None:
        """Add a packed entry; on disk within a second, or when the journal is closed."""
        place = self._file.seek(0, os.SEEK_END)
        self._write(payload)
        self._note(payload, place)
        if time.monotonic() - self._last_sync > _SYNC_EVERY_S:
            self._sync()

    def read(self, image_id: str, source_bytes: int) -> Entry:
        """The entry of an image that the journal has."""
        self._file.seek(self._places[image_id, source_bytes])
        payload = _next_payload(self._file)
        if payload is None:
            raise OutputError(f"{self.path}: was changed by someone else: start again with --restart")
        return Entry.unpacked(payload)

    def _open(self) -> None:
        if self._restart or not self.path.exists() or self._starts_torn():
            self.path.write_bytes(_FORMAT)
        self._file = self.path.open("r+b")
        try:
            self._index()
        except BaseException:
            self._file.close()
            raise
        self._sync()

    def _starts_torn(self) -> bool:
        """Whether a kill came before the first record was whole."""
        with self.path.open("rb") as file:
            start = file.read(len(_FORMAT))
            if start == _FORMAT:
                return _next_payload(file) is None
        return _FORMAT.startswith(start)

    def _index(self) -> None:
        if self._file.read(len(_FORMAT)) != _FORMAT:
            raise OutputError(f"{self.path}: is not a journal of seg: move it away")
        payloads = _whole_records(self._file)
        _, found = next(payloads, (0, None))
        if found is None:
            self._write(self._fingerprint.encode())
        elif found.decode(errors="replace") != self._fingerprint:
            raise OutputError(
                f"{self.path}: belongs to a run with other models, views, weights or images:"
                " start anew with --restart, or name another output file"
            )
        for place, payload in payloads:
            self._note(payload, place)
        self._file.truncate()

    def _note(self, payload: bytes, place: int) -> None:
        head, _ = _split(payload)
        self._places[head["id"], head["bytes"]] = place

    def _write(self, payload: bytes) -> None:
        self._file.write(_FRAME.pack(len(payload), zlib.crc32(payload)) + payload)

    def _sync(self) -> None:
        self._file.flush()
        os.fsync(self._file.fileno())
        self._last_sync = time.monotonic()


def _whole_records(file: IO[bytes]) -> Iterator[tuple[int, bytes]]:
    """Records with their places, up to the first torn one, before which the file is left."""
    while True:
        place = file.tell()
        payload = _next_payload(file)
        if payload is None:
            file.seek(place)
            return
        yield place, payload


def _next_payload(file: IO[bytes]) -> bytes | None:
    frame = file.read(_FRAME.size)
    if len(frame) < _FRAME.size:
        return None
    length, checksum = _FRAME.unpack(frame)
    if length > os.fstat(file.fileno()).st_size - file.tell():
        return None
    payload = file.read(length)
    return payload if zlib.crc32(payload) == checksum else None


def _split(payload: bytes) -> tuple[dict[str, Any], bytes]:
    head, _, png = payload.partition(b"\n")
    return json.loads(head), png
