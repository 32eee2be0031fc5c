"""`python -m tests.hostile [--fast] [KIND...]`: all hostile cases, or those of some kinds, with counts.

Prints each case that is not clean; then how many there are, how many are clean, and the most time and memory
that one took. Ends with code 1 where one is not clean.
"""

import sys
import tempfile
from collections import Counter
from itertools import islice
from pathlib import Path
from typing import Final

from tests.hostile import (
    cases_commands,
    cases_disk,
    cases_environment,
    cases_images,
    cases_interrupts,
    cases_models,
    cases_options,
    cases_submissions,
    cases_weights,
    cases_yaml,
)
from tests.hostile.case import verdict
from tests.hostile.isolated import run_case
from tests.hostile.project import write_project

KINDS: Final = {
    "yaml": cases_yaml.cases,
    "options": cases_options.cases,
    "commands": cases_commands.cases,
    "environment": cases_environment.cases,
    "interrupts": cases_interrupts.cases,
    "disk": cases_disk.cases,
    "studies": cases_disk.studies,
    "special": cases_disk.special,
    "outputs": cases_disk.outputs,
    "guesses": cases_disk.guesses,
    "calibrations": cases_disk.calibrations,
    "images": cases_images.cases,
    "models": cases_models.cases,
    "weights": cases_weights.cases,
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
)
ONE_OF: Final = 37
"""With `--fast`, of the cases of those kinds one in so many."""


def main(arguments: list[str]) -> int:
    """Run the kinds that are named, or all; returns the exit code."""
    is_fast = "--fast" in arguments
    kinds = FAST if is_fast else arguments or KINDS
    load_modules(with_torch=not is_fast)
    dirty: Counter[str] = Counter()
    total = 0
    longest: tuple[float, str] = (0.0, "")
    largest: tuple[int, str] = (0, "")
    with tempfile.TemporaryDirectory(prefix="hostile-") as folder:
        project = Path(folder) / "project"
        write_project(project)
        for kind in kinds:
            for case in islice(KINDS[kind](), 0, None, ONE_OF if is_fast else 1):
                name = f"{kind}: {case.name}"
                outcome = run_case(case, project)
                total += 1
                longest = max(longest, (outcome.seconds, name))
                largest = max(largest, (outcome.megabytes, name))
                if problem := verdict(case, outcome):
                    dirty[kind] += 1
                    say(f"{name}: {problem[:300]}")
    say(f"{total} cases, {total - dirty.total()} clean, {dirty.total()} not: {dict(dirty)}")
    say(f"longest: {longest[0]:.1f} s: {longest[1]}")
    say(f"largest: {largest[0]} MB: {largest[1]}")
    return 1 if dirty else 0


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
