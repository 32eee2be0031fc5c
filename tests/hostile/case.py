"""What a hostile case is, and when a command is clean about it."""

import re
import signal
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

Prepare = Callable[[Path], None]
"""Puts files into the folder of a case, which is a copy of the project that all cases start from."""

Expected = Literal["refused", "accepted", "either"]

MOST_LINES: Final = 25
_OURS: Final = re.compile(
    r"seg: |next: |.*: \d+/\d+ \w+|.*: \d+ workers with |wheels for .*: downloading"
    r"|.*: trains on the CPU: |.*: epoch |.*(again|anew|left out)\b"
)
"""Lines of an error, of progress, of what comes next, and of what is made anew."""


def nothing(folder: Path) -> None:
    """Leave the project as it is."""


@dataclass(frozen=True, slots=True)
class Case:
    """One run of a command in a folder of its own.

    `says` is what the line on stderr must hold, such as the name of the file. `seconds` of processor time and
    `megabytes` are what the command may take beyond what an idle command takes. `inside` is done in the
    process of the command before it runs, with its folder. `writes` is the one place that the command may
    write, once it accepts its input; empty for none, None to allow all. `anew` starts an interpreter that has
    loaded nothing; `interrupted_after` does so, too, and sends Ctrl-C so many seconds after its first line;
    the command may also end with code 130.
    """

    name: str
    command: Sequence[str]
    prepare: Prepare = nothing
    expected: Expected = "refused"
    says: str = ""
    seconds: float = 10.0
    megabytes: int = 300
    inside: Prepare = nothing
    writes: str | None = None
    anew: bool = False
    interrupted_after: float | None = None


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a command did: its exit code (negative: the signal that killed it), and what it printed.

    `seconds` are of processor time, which other work on the machine does not stretch. `touched` is the first
    file that the command changed and may not.
    """

    code: int
    stdout: str
    stderr: str
    seconds: float
    megabytes: int
    hung: bool = False
    touched: str = ""


def verdict(case: Case, outcome: Outcome, slack: float = 1.0) -> str:
    """What is wrong; empty where the case is clean. It may take `slack` times its seconds."""
    is_interrupted = case.interrupted_after is not None
    if is_interrupted and _has_not_begun(outcome):
        return ""
    lines = outcome.stderr.splitlines()
    strange = next((line for line in lines if not _OURS.match(line)), None)
    allowed = {"refused": {2}, "accepted": {0}, "either": {0, 2}}[case.expected] | (
        {130} if is_interrupted else set()
    )
    last = lines[-1] if lines else ""
    problems = {
        "hangs": outcome.hung,
        f"a traceback: {last}": "Traceback" in outcome.stderr,
        f"exit code {outcome.code}: {last}": outcome.code not in allowed,
        f"a line that is not ours: {strange}": strange is not None,
        f"{len(lines)} lines": bool(outcome.code) and len(lines) > MOST_LINES,
        f"does not say {case.says!r}: {last}": bool(outcome.code)
        and case.says not in outcome.stderr + outcome.stdout,
        f"touches {outcome.touched}": bool(outcome.touched),
        f"{outcome.megabytes} MB": outcome.megabytes > case.megabytes,
        f"{outcome.seconds:.1f} s": outcome.seconds > case.seconds * slack,
    }
    return next((problem for problem, is_there in problems.items() if is_there), "")


def _has_not_begun(outcome: Outcome) -> bool:
    """Whether Ctrl-C came before `main` is called, which nothing of ours can answer."""
    return outcome.code == -signal.SIGINT and ", in main\n" not in outcome.stderr


def file(name: str, content: str | bytes) -> Prepare:
    """Puts one file there."""

    def prepare(folder: Path) -> None:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)

    return prepare


def edited(name: str, old: str, new: str) -> Prepare:
    """Replaces text in a file of the project."""

    def prepare(folder: Path) -> None:
        text = (folder / name).read_text(encoding="utf-8")
        if old not in text:
            raise ValueError(f"{name}: {old!r} is not in it")
        (folder / name).write_text(text.replace(old, new), encoding="utf-8")

    return prepare


def both(*steps: Prepare) -> Prepare:
    """Does one after the other."""

    def prepare(folder: Path) -> None:
        for step in steps:
            step(folder)

    return prepare
