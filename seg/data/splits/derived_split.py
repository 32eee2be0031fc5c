"""What splits that are made of another split share with it."""

import hashlib

from seg.data.splits.split import Split
from seg.labels.classes import ClassInfo
from seg.labels.task import Task


class DerivedSplit:
    """A split made of another one: its task and classes are those of `whole`."""

    def __init__(self, whole: Split) -> None:
        self._whole = whole

    @property
    def task(self) -> Task:
        return self._whole.task

    @property
    def classes(self) -> tuple[ClassInfo, ...]:
        return self._whole.classes

    def _fingerprint_with(self, *changes: object) -> str:
        """SHA-256 of the whole split's fingerprint and of what this one changes."""
        text = "\n".join([self._whole.fingerprint, *map(str, changes)])
        return hashlib.sha256(text.encode()).hexdigest()
