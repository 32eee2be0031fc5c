"""`python -m tests.hostile [--fast] [KIND...]`: all hostile cases, or those of some kinds, with counts.

Prints each case that is not clean, and a row of a table for each kind: how many there are, how many are
clean, and the most processor time and memory that one took. Ends with code 1 where one is not clean.
"""

import argparse
import sys
import tempfile
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import ClassVar, Final

from tests.hostile import (
    cases_caches,
    cases_commands,
    cases_contests,
    cases_disk,
    cases_environment,
    cases_images,
    cases_interrupts,
    cases_models,
    cases_options,
    cases_serve,
    cases_submissions,
    cases_videos,
    cases_weights,
    cases_yaml,
    imports,
    labels,
    members,
)
from tests.hostile.case import Outcome, verdict
from tests.hostile.isolated import run_case
from tests.hostile.project import write_project

KINDS: Final = {
    "yaml": cases_yaml.cases,
    "options": cases_options.cases,
    "serving": cases_serve.cases,
    "commands": cases_commands.cases,
    "environment": cases_environment.cases,
    "interrupts": cases_interrupts.cases,
    "disk": cases_disk.cases,
    "studies": cases_disk.studies,
    "special": cases_disk.special,
    "outputs": cases_disk.outputs,
    "guesses": cases_disk.guesses,
    "calibrations": cases_disk.calibrations,
    "caches": cases_caches.cases,
    "softlabels": cases_caches.soft_labels,
    "images": cases_images.cases,
    "videos": cases_videos.cases,
    "models": cases_models.cases,
    "weights": cases_weights.cases,
    "labels": labels.cases,
    "imports": imports.cases,
    "members": members.cases,
    "contests": cases_contests.cases,
    "submissions": cases_submissions.cases,
}


FAST: Final = (
    "yaml",
    "disk",
    "special",
    "outputs",
    "calibrations",
    "images",
    "models",
    "submissions",
    "labels",
    "imports",
    "contests",
)
ONE_OF: Final = 37
"""With `--fast`, of the cases of those kinds one in so many."""

SLACK: Final = 10.0
"""With `--fast`, a case may take so many times its seconds: tests run on busy machines, too."""


def main(arguments: list[str]) -> int:
    """Run the kinds that are named, or all; returns the exit code."""
    parser = argparse.ArgumentParser("python -m tests.hostile", description="Broken input, case by case.")
    parser.add_argument("kinds", nargs="*", metavar="KIND", help=f"by default all: {', '.join(KINDS)}")
    parser.add_argument("--fast", action="store_true", help=f"one in {ONE_OF} of some kinds")
    chosen = parser.parse_args(arguments)
    if unknown := sorted(set(chosen.kinds) - set(KINDS)):
        parser.error(f"unknown kind {unknown[0]!r}: use {', '.join(KINDS)}")
    is_fast = chosen.fast
    kinds = FAST if is_fast else chosen.kinds or KINDS
    load_modules(with_torch=not is_fast)
    say(Counts.HEAD)
    total = Counts("all")
    with tempfile.TemporaryDirectory(prefix="hostile-") as folder:
        project = Path(folder) / "project"
        write_project(project)
        for kind in kinds:
            counts = Counts(kind)
            for case in islice(KINDS[kind](), 0, None, ONE_OF if is_fast else 1):
                outcome = run_case(case, project)
                problem = verdict(case, outcome, SLACK if is_fast else 1.0)
                counts.add(outcome, is_clean=not problem)
                total.add(outcome, is_clean=not problem)
                if problem:
                    say(f"{kind}: {case.name}: {problem[:300]}")
            say(counts.row())
    say(total.row())
    return 0 if total.clean == total.cases else 1


@dataclass(slots=True)
class Counts:
    """How many cases of a kind are clean, and the most that one took: a row of a table in Markdown."""

    HEAD: ClassVar = "| kind | cases | clean | longest, s | largest, MB |\n|---|---|---|---|---|"

    kind: str
    cases: int = 0
    clean: int = 0
    seconds: float = 0.0
    megabytes: int = 0

    def add(self, outcome: Outcome, *, is_clean: bool) -> None:
        self.cases += 1
        self.clean += is_clean
        self.seconds = max(self.seconds, outcome.seconds)
        self.megabytes = max(self.megabytes, outcome.megabytes)

    def row(self) -> str:
        figures = f"{self.cases} | {self.clean} | {self.seconds:.1f} | {self.megabytes}"
        return f"| {self.kind} | {figures} |"


def load_modules(*, with_torch: bool) -> None:
    """All that commands load before they work, so that a fork need not."""
    import blosc2
    import cv2
    import onnxruntime

    import seg.engine.jobs.predict
    import seg.evaluate.validator

    assert all((blosc2, cv2, onnxruntime, seg))
    if with_torch:
        import seg.evaluate.tune
        import seg.train.soup
        import seg.train.sweep


def say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
