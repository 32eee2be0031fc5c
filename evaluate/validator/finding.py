"""A finding: one problem of a submission."""

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from seg.terminal.words import pluralise

MOST_ALIKE: Final = 10
"""The most findings of the same problem that are listed one by one."""


@dataclass(frozen=True, slots=True)
class Finding:
    """A problem and its fix. `line` is the line of the file, or None for the whole file.

    `is_fixable` tells whether `--fix` can repair it.
    """

    line: int | None
    problem: str
    fix: str
    is_fixable: bool = False

    def __str__(self) -> str:
        place = "whole file" if self.line is None else f"line {self.line}"
        return f"{place}: {self.problem}: {self.fix}"


def list_findings(findings: Sequence[Finding]) -> Iterator[str]:
    """A line for each finding; of many with the same problem for the first ones, and one for the others."""
    alike = Counter((finding.problem, finding.fix) for finding in findings)
    listed: defaultdict[tuple[str, str], int] = defaultdict(int)
    for finding in findings:
        kind = finding.problem, finding.fix
        listed[kind] += 1
        if listed[kind] <= MOST_ALIKE:
            yield str(finding)
        elif listed[kind] == alike[kind]:
            yield f"{pluralise(alike[kind] - MOST_ALIKE, 'line')} more, up to {finding}"
