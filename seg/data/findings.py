"""What is seen of a dataset when it is checked."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

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

    def __str__(self) -> str:
        place = "" if self.annotation is None else f" annotation {self.annotation}:"
        return f"{self.severity}: {self.file}:{place} {self.problem}: {self.fix}"


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
