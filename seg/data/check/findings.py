"""Findings of a dataset check: errors and warnings, grouped by cause for printing."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

from seg.data.regions.label_raster import LabelRaster

Severity = Literal["error", "warning"]


@dataclass(frozen=True, slots=True)
class Finding:
    """A file, the annotation in it (None for the file as a whole), the problem, and the fix.

    An error stops training or prediction; a warning does not, but the result may not be as intended.
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


def group_findings(findings: Iterable[Finding]) -> list[str]:
    """One line per finding; more than three findings with the same cause share a line with three examples.

    Findings have the same cause if their severity is equal and their texts differ only in numbers and names.
    """
    by_cause: dict[tuple[Severity, str, str], list[Finding]] = {}
    for finding in dict.fromkeys(findings):
        cause = finding.severity, _cause_without_names(finding.problem), _cause_without_names(finding.fix)
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


def _cause_without_names(text: str) -> str:
    return re.sub(r"'[^']*'|/\S+|\([^)]*\)|\d[\d.]*", "#", text)


def error_finding(file: Path, error: Exception, fix: str, annotation: int | None = None) -> Finding:
    """An exception as a finding about a file; the number of a line that it names stays."""
    text = str(error).removeprefix(f"{file}: ")
    problem = re.sub(rf"^{re.escape(str(file))}:(\d+)", r"line \1", text)
    return Finding("error", file, annotation, problem, fix)


@dataclass(frozen=True, slots=True)
class CheckedLabels:
    """The checked labels of one image: their size, label map, the class of each object, and findings.

    `labels` is None without labels, and `size_hw` if the labels do not give one.
    """

    size_hw: tuple[int, ...] | None = None
    labels: LabelRaster | None = None
    objects: tuple[str, ...] = ()
    findings: tuple[Finding, ...] = ()
