"""Several splits as one."""

import hashlib
from bisect import bisect_right
from collections.abc import Sequence
from functools import cached_property
from itertools import accumulate

from seg.classes import ClassInfo
from seg.data.split import Sample, Split
from seg.labels import LabelsHW


class JoinedSplit:
    """The images of splits with the same classes, one split after another."""

    def __init__(self, splits: Sequence[Split]) -> None:
        self._splits = tuple(splits)
        self._ends = tuple(accumulate(len(split.samples) for split in splits))

    @property
    def classes(self) -> tuple[ClassInfo, ...]:
        return self._splits[0].classes

    @cached_property
    def samples(self) -> tuple[Sample, ...]:
        return tuple(sample for split in self._splits for sample in split.samples)

    @cached_property
    def fingerprint(self) -> str:
        said = "\n".join(split.fingerprint for split in self._splits)
        return hashlib.sha256(said.encode()).hexdigest()

    def labels(self, index: int) -> LabelsHW:
        """As the split of that image has it; raises DataError as that does."""
        number = bisect_right(self._ends, index)
        split = self._splits[number]
        return split.labels(index - self._ends[number] + len(split.samples))
