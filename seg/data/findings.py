"""One thing that is wrong with a dataset."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Finding:
    """A file, the annotation in it (None for the file as a whole), the problem, and what to do."""

    file: str
    annotation: int | None
    problem: str
    fix: str

    def __str__(self) -> str:
        place = "" if self.annotation is None else f" annotation {self.annotation}:"
        return f"{self.file}:{place} {self.problem}: {self.fix}"
