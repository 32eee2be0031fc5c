"""What is seen of a dataset when it is checked."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

from seg.labels import LabelsHW

Severity = Literal["error", "warning"]


@dataclass(frozen=True, slots=True)
class Finding:
    """A file, the annotation in it (None for the file as a whole), the problem, and what to do.

    An error stops training or prediction; a warning lets them go on, perhaps not as was meant.
    """

    severity: Severity
    file: Path
    annotation: int | None
    problem: str
    fix: str

    @property
    def place(self) -> str:
        """The file, and the annotation in it."""
        return f"{self.file}" if self.annotation is None else f"{self.file}: annotation {self.annotation}"

    def __str__(self) -> str:
        return f"{self.severity}: {self.place}: {self.problem}: {self.fix}"


_SHOWN: Final = 3


def grouped(findings: Iterable[Finding]) -> list[str]:
    """A line for each finding, or, of more than three of one cause, one with three examples.

    One cause have those of one severity whose problems and fixes differ in numbers and names alone.
    """
    by_cause: dict[tuple[Severity, str, str], list[Finding]] = {}
    for finding in dict.fromkeys(findings):
        cause = finding.severity, _without_names(finding.problem), _without_names(finding.fix)
        by_cause.setdefault(cause, []).append(finding)
    lines: list[str] = []
    for same in by_cause.values():
        if len(same) <= _SHOWN:
            lines += map(str, same)
            continue
        first, *others = same
        also = ", ".join(other.place for other in others[: _SHOWN - 1])
        lines.append(f"{first} ({len(same)} such {first.severity}s: also {also}, ...)")
    return lines


def _without_names(text: str) -> str:
    return re.sub(r"'[^']*'|/\S+|\([^)]*\)|\d[\d.]*", "#", text)


def error_in(file: Path, error: Exception, fix: str, annotation: int | None = None) -> Finding:
    """What an exception says, under the file it is about."""
    return Finding("error", file, annotation, str(error).removeprefix(f"{file}: "), fix)


@dataclass(frozen=True, slots=True)
class Look:
    """What the labels of one image say: their size, label map, the class of each object, and what is wrong.

    Without labels there is no map, and without a claim no size.
    """

    size_hw: tuple[int, ...] | None = None
    labels_hw: LabelsHW | None = None
    objects: tuple[str, ...] = ()
    findings: tuple[Finding, ...] = ()
