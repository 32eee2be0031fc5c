"""Entries of a journal: the label map of an image, or a strip of it, as the payload of a record."""

import json
import struct
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any, Self

import cv2

from seg.data.images.decoding import decode_indexes
from seg.engine.image_source import ImageSource
from seg.engine.pipeline.collectors import LabelStrip
from seg.labels.label_map import MAX_CLASSES
from seg.labels.task import LabelMap, Task, classes_overlap, join_label_bytes, label_dtype, split_label_bytes


@dataclass(frozen=True, slots=True)
class StripRows:
    """The place of a strip: its first row, and the number of all rows of the label map."""

    top: int
    of: int


@dataclass(frozen=True, slots=True)
class JournalEntry:
    """The label map of one image, on the output's grid; with `rows`, a strip of it.

    `content` is the hash of the image's file: if the file has changed, the entry is outdated. `stat_hash`
    saves reading the file if nothing about it has changed; see `ImageSource`.
    """

    id: str
    content: str
    labels_hw: LabelMap
    stat_hash: str | None = None
    rows: StripRows | None = None

    @classmethod
    def of(cls, image_id: str, source: ImageSource, labels_hw: LabelMap) -> Self:
        """Make an entry; raises DataError if the file has changed since `source` was made."""
        return cls(image_id, source.content(), labels_hw, source.settled_stat_hash)

    def packed(self) -> bytes:
        """The entry as a record's payload."""
        _, png = cv2.imencode(".png", split_label_bytes(self.labels_hw), [cv2.IMWRITE_PNG_COMPRESSION, 1])
        facts: dict[str, Any] = {"id": self.id, "content": self.content, "look": self.stat_hash}
        if self.labels_hw.itemsize > 1:
            facts["bytes"] = self.labels_hw.itemsize
        if self.rows:
            facts["rows"] = [self.rows.top, self.rows.of]
        head = json.dumps(facts)
        return head.encode() + b"\n" + png.tobytes()

    @classmethod
    def unpacked(cls, payload: bytes) -> Self:
        head, png = split_entry_payload(payload)
        labels_hw = join_label_bytes(decode_indexes(png), _bytes_per_label(head))
        return cls(head["id"], head["content"], labels_hw, head["look"], rows_of_journal_entry(head))


class StripEntries:
    """Makes entries of the strips of large images.

    The file of an image is read for its hash with its first strip, and with its last, which detects a change
    in between.
    """

    def __init__(self, source_of: Callable[[str], ImageSource]) -> None:
        self._source_of = source_of
        self._content_of = cache(ImageSource.content)

    def packed(self, image_id: str, strip: LabelStrip) -> bytes:
        """The payload of a strip; raises DataError if the file has changed."""
        source = self._source_of(image_id)
        content = source.content() if strip.is_last else self._content_of(source)
        rows = StripRows(strip.top, strip.height)
        return JournalEntry(image_id, content, strip.labels_hw, source.settled_stat_hash, rows).packed()


@dataclass(frozen=True, slots=True)
class ExpectedLabels:
    """The expected label maps: the number of classes, the size by the image's id, and the task.

    `size_of` returns height and width, before any EXIF rotation; None if they are not known.
    """

    classes: int = MAX_CLASSES
    size_of: Callable[[str], tuple[int, int] | None] = lambda _: None
    task: Task = "multiclass"

    def problem_of(self, payload: bytes) -> str:
        """Why an intact record cannot belong to this run; empty if it can."""
        try:
            head, png = split_entry_payload(payload)
            (rows, width), wanted_hw = size_of_entry_labels(head, png), self.size_of(head["id"])
            strip = rows_of_journal_entry(head)
            if strip and not 0 <= strip.top <= strip.of - rows:
                return f"{head['id']}: its rows are not those of a label map"
            size_hw = (strip.of if strip else rows), width
            if wanted_hw is not None and sorted(size_hw) != sorted(wanted_hw):
                return "{}: it is {}x{}, but the image {}x{}".format(head["id"], *size_hw, *wanted_hw)
            entry = JournalEntry.unpacked(payload)
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
            return "it is not a label map with the id of an image"
        dtype = label_dtype(self.task, self.classes)
        labels = 2**self.classes if classes_overlap(self.task) else self.classes
        if entry.labels_hw.dtype != dtype or int(entry.labels_hw.max(initial=0)) >= labels:
            return f"{entry.id}: it has labels beyond the {self.classes} classes"
        return ""


def size_of_entry_labels(head: Mapping[str, Any], png: bytes) -> tuple[int, int]:
    """Height and width of the label map of a payload; raises ValueError if there is no PNG."""
    rows, width = _size_of_entry_png(png)
    return rows // _bytes_per_label(head), width


def _bytes_per_label(head: Mapping[str, Any]) -> int:
    """The bytes of a label."""
    return int(head.get("bytes", 1))


def _size_of_entry_png(png: bytes) -> tuple[int, int]:
    """Height and width in a PNG's header; raises ValueError if there is no header."""
    if png[:8] != b"\x89PNG\r\n\x1a\n" or len(png) < 24:
        raise ValueError("is not a PNG")
    width, height = struct.unpack_from(">II", png, 16)
    return height, width


def rows_of_journal_entry(head: Mapping[str, Any]) -> StripRows | None:
    """The rows of a strip, by the line of JSON; raises ValueError or TypeError where they are none."""
    if "rows" not in head:
        return None
    top, height = head["rows"]
    return StripRows(int(top), int(height))


def split_entry_payload(payload: bytes) -> tuple[dict[str, Any], bytes]:
    """The line of JSON and the PNG of a payload; raises ValueError where there is no JSON."""
    head, _, png = payload.partition(b"\n")
    return json.loads(head), png
