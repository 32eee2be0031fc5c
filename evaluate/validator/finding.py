"""One thing wrong with a submission."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Finding:
    """A problem and its fix. `line` is that of the file, or None where it concerns the whole.

    `is_mended` says whether `--fix` takes care of it.
    """

    line: int | None
    problem: str
    fix: str
    is_mended: bool = False

    def __str__(self) -> str:
        place = "whole file" if self.line is None else f"line {self.line}"
        return f"{place}: {self.problem}: {self.fix}"
