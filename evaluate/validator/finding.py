"""A finding: one problem of a submission."""

from dataclasses import dataclass


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
