"""The journal: the finished images of a run, in an append-only file that survives a kill at any byte.

It lies next to the output. After a line that names the format come records: length and CRC-32 of a
payload, then the payload. The first payload is the run's fingerprint. Each other one is a line of JSON
with an image's id and its file's version, and the label map as PNG; of a large image, a strip of its rows.
Labels of several bytes are there as planes of bytes below each other. A truncated record is dropped when the
journal is opened again.
"""

import os
import struct
import time
import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Final, Self

import numpy as np
from filelock import FileLock, Timeout

from seg.data.regions.region import Region
from seg.engine.image_source import ImageSource
from seg.engine.jobs.journal.journal_entry import (
    ExpectedLabels,
    JournalEntry,
    rows_of_journal_entry,
    size_of_entry_labels,
    split_entry_payload,
)
from seg.errors import OutputError
from seg.files.atomic import follow_link, regular_file, write_errors_named
from seg.labels.task import LabelMap
from seg.terminal.notices import notice

_FORMAT: Final = b"seg journal 2\n"
_OLDER: Final = b"seg journal 1\n"
_FRAME: Final = struct.Struct("<II")
_SYNC_EVERY_S: Final = 1.0


@dataclass(frozen=True, slots=True)
class _JournalRecord:
    """The offset of an entry, its file's version, and its rows: the first, the one behind the last, all."""

    offset: int
    content: str
    stat_hash: str | None
    top: int
    bottom: int
    height: int


class Journal:
    """Append-only, and locked by one process. Use as a context manager."""

    def __init__(
        self, output: Path, fingerprint: str, *, restart: bool = False, expected: ExpectedLabels | None = None
    ) -> None:
        self.path = output.with_name(output.name + ".journal")
        self._fingerprint = fingerprint
        self._restart = restart
        self._expected = expected or ExpectedLabels()
        self._lock = FileLock(output.with_name(output.name + ".lock"))
        self._records: dict[str, dict[int, _JournalRecord]] = {}
        self._file: IO[bytes]
        self._last_sync = 0.0

    def __enter__(self) -> Self:
        with write_errors_named(self.path):
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self._refuse_other_lock()
        try:
            self._lock.acquire(timeout=0)
        except Timeout as error:
            raise OutputError(
                f"{self.path}: another run is writing this output: wait for it, or name another file"
            ) from error
        try:
            with write_errors_named(self.path):
                self._open()
        except BaseException:
            self._lock.release()
            raise
        return self

    def __exit__(self, *exception: object) -> None:
        try:
            with write_errors_named(self.path), self._file:
                self._sync()
        finally:
            self._lock.release()

    def has(self, image_id: str, source: ImageSource) -> bool:
        """Whether it has the label map of this image with its file as it is now."""
        last = self._last_of_first_rows(image_id)
        return (
            last is not None and last.bottom == last.height and source.matches(last.content, last.stat_hash)
        )

    def rows_done(self, image_id: str, source: ImageSource) -> int:
        """How many rows it has from the first on, without a gap, of this image with its file as it is now."""
        last = self._last_of_first_rows(image_id)
        return last.bottom if last and source.matches(last.content, last.stat_hash) else 0

    def first_rows(self, image_id: str, source: ImageSource) -> frozenset[int]:
        """The first row of each strip that it has of this image with its file as it is now."""
        records = self._records.get(image_id, {})
        known = next(iter(records.values()), None)
        return frozenset(records) if known and source.matches(known.content, known.stat_hash) else frozenset()

    def append(self, payload: bytes) -> None:
        """Add a packed entry; on disk within a second, or when the journal is closed."""
        with write_errors_named(self.path):
            offset = self._file.seek(0, os.SEEK_END)
            self._write(payload)
            self._note(payload, offset)
            if time.monotonic() - self._last_sync > _SYNC_EVERY_S:
                self._sync()

    def read(self, image_id: str) -> JournalEntry:
        """The last entry of an image that has one for all its rows; the journal must have it."""
        return self._entry(self._records[image_id][0])

    def labels(self, image_id: str) -> "LabelMap | JournalLabels":
        """The label map of an image, by region if it has several strips, which must all be in the journal."""
        records = self._records[image_id]
        if len(records) == 1:
            return self._entry(records[0]).labels_hw
        return JournalLabels(sorted(records.values(), key=lambda one: one.top), self._entry)

    def _entry(self, record: _JournalRecord) -> JournalEntry:
        self._file.seek(record.offset)
        payload = _read_next_payload(self._file)
        if payload is None:
            raise OutputError(f"{self.path}: was changed by another program: start again with --restart")
        return JournalEntry.unpacked(payload)

    def _last_of_first_rows(self, image_id: str) -> _JournalRecord | None:
        """The record with the last of the rows that are there from the first on."""
        records, last = self._records.get(image_id, {}), None
        while record := records.get(last.bottom if last else 0):
            last = record
        return last

    def _refuse_other_lock(self) -> None:
        """Refuse a lock file of another tool, since older versions of filelock empty the file they lock."""
        lock = Path(self._lock.lock_file)
        if lock.exists() and lock.stat().st_size:
            raise OutputError(f"{lock}: is not a lock of seg: name another output file")

    def _refuse_other_file(self) -> None:
        """A file of somebody else that has the journal's name is not emptied, not even by `--restart`."""
        if follow_link(self.path).exists():
            with self.path.open("rb") as file:
                start = file.read(len(_FORMAT))
            if start != _OLDER and not _FORMAT.startswith(start):
                raise OutputError(f"{self.path}: is not a journal of seg: move it away")

    def _open(self) -> None:
        self._refuse_other_file()
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
        """Whether the run was killed before the first record was complete."""
        with regular_file(self.path).open("rb") as file:
            start = file.read(len(_FORMAT))
            if start == _FORMAT:
                return _read_next_payload(file) is None
        return _FORMAT.startswith(start)

    def _index(self) -> None:
        start = self._file.read(len(_FORMAT))
        if start == _OLDER:
            raise OutputError(f"{self.path}: was written by an older seg: start again with --restart")
        payloads = _read_whole_records(self._file)
        _, found = next(payloads, (0, None))
        if found is None:
            self._write(self._fingerprint.encode())
        elif found.decode(errors="replace") != self._fingerprint:
            raise OutputError(
                f"{self.path}: belongs to a run with other models, views, weights or images:"
                " start again with --restart, or name another output file"
            )
        for offset, payload in payloads:
            if problem := self._expected.problem_of(payload):
                notice(f"{self.path}: an entry is dropped, and its image is predicted again: {problem}")
            else:
                self._note(payload, offset)
        self._file.truncate()

    def _note(self, payload: bytes, offset: int) -> None:
        head, png = split_entry_payload(payload)
        rows, strip = size_of_entry_labels(head, png)[0], rows_of_journal_entry(head)
        top, height = (strip.top, strip.of) if strip else (0, rows)
        record = _JournalRecord(offset, head["content"], head["look"], top, top + rows, height)
        of_image = self._records.setdefault(head["id"], {})
        if any(one.content != record.content or one.height != height for one in of_image.values()):
            of_image.clear()
        of_image[top] = record

    def _write(self, payload: bytes) -> None:
        self._file.write(_FRAME.pack(len(payload), zlib.crc32(payload)) + payload)

    def _sync(self) -> None:
        self._file.flush()
        os.fsync(self._file.fileno())
        self._last_sync = time.monotonic()


class JournalLabels:
    """The label map of a large image, whose strips are read from the journal where they are asked for."""

    def __init__(
        self, records: Sequence[_JournalRecord], read: Callable[[_JournalRecord], JournalEntry]
    ) -> None:
        self._records = records
        self._read = read
        self._kept = records[0], read(records[0]).labels_hw
        self.shape = (records[-1].bottom, self._kept[1].shape[1])

    def __getitem__(self, place: tuple[slice, slice], /) -> LabelMap:
        region = Region.of_slices(place, self.shape)
        parts = [
            self._strip(record)[max(0, region.top - record.top) : max(0, region.bottom - record.top)]
            for record in self._records
            if record.top < region.bottom and region.top < record.bottom
        ]
        return np.concatenate(parts)[:, region.left : region.right]

    def _strip(self, record: _JournalRecord) -> LabelMap:
        if self._kept[0] != record:
            self._kept = record, self._read(record).labels_hw
        return self._kept[1]


def _read_whole_records(file: IO[bytes]) -> Iterator[tuple[int, bytes]]:
    """Intact records with their offsets. Ends before the first truncated record, where it leaves the file."""
    while True:
        offset = file.tell()
        payload = _read_next_payload(file)
        if payload is None:
            file.seek(offset)
            return
        yield offset, payload


def _read_next_payload(file: IO[bytes]) -> bytes | None:
    frame = file.read(_FRAME.size)
    if len(frame) < _FRAME.size:
        return None
    length, checksum = _FRAME.unpack(frame)
    if length > os.fstat(file.fileno()).st_size - file.tell():
        return None
    payload = file.read(length)
    return payload if zlib.crc32(payload) == checksum else None
