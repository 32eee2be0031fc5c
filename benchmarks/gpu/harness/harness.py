"""Steps, each in a process of its own with a time limit; results that are written after each of them."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Final

from benchmarks.gpu.harness.lacking import stand_in_folders
from benchmarks.gpu.harness.rows import Row, Status, read_measured_rows
from benchmarks.gpu.harness.table import as_markdown, with_comparisons
from benchmarks.gpu.workspace import Workspace
from seg.files.atomic import write_text

ROOT: Final = Path(__file__).resolve().parents[3]
LEAST_S: Final = 5.0
"""A step that has less time than this is not begun."""

_TAIL_LINES: Final = 3
_TAIL_LENGTH: Final = 300


@dataclass(frozen=True)
class Step:
    """A command of Python, what it measures, and the section of its rows.

    `limit_s` is the most that it may take, at the full scale.
    """

    name: str
    section: str
    arguments: tuple[str, ...]
    limit_s: float


@dataclass(frozen=True)
class Outcome:
    """What became of a step."""

    name: str
    status: Status
    seconds: float


@dataclass
class Results:
    """All rows so far, with what became of the steps that they are from."""

    is_small: bool
    rows: list[Row] = field(default_factory=list)
    outcomes: list[Outcome] = field(default_factory=list)
    is_finished: bool = False

    def as_json(self) -> str:
        return json.dumps(asdict(self), indent=1)


def run_benchmark_steps(steps: Sequence[Step], workspace: Workspace, ends_at: float) -> Results:
    """Run all steps in turn until `ends_at`, by `time.monotonic()`; never raises for what a step does.

    What ends this process from outside ends the step, too, whose rows so far are kept.
    """
    workspace.logs.mkdir(parents=True, exist_ok=True)
    results = Results(workspace.is_small)
    for number, step in enumerate(steps, 1):
        limit = min(step.limit_s * workspace.scale.limits, ends_at - time.monotonic())
        log = workspace.logs / f"{number:02}-{step.name}.txt"
        try:
            rows, outcome = run_benchmark_step(step, limit, workspace.rows, log)
        except (SystemExit, KeyboardInterrupt):
            results.rows += read_measured_rows(workspace.rows)
            _write_gpu_results(results, workspace)
            raise
        results.rows += rows
        results.outcomes.append(outcome)
        results.is_finished = number == len(steps)
        _write_gpu_results(results, workspace)
        print(f"{step.name}: {outcome.status}, {outcome.seconds:.1f} s", file=sys.stderr, flush=True)
    return results


def run_benchmark_step(step: Step, limit_s: float, rows_file: Path, log: Path) -> tuple[list[Row], Outcome]:
    """Run a step and collect its rows; where it did not end well, one more row says why."""
    if limit_s < LEAST_S:
        row = Row(step.section, step.name, status="no time left", note="the time was over before it began")
        return [row], Outcome(step.name, "no time left", 0.0)
    rows_file.unlink(missing_ok=True)
    start = time.monotonic()
    status = _run_with_limit([sys.executable, "-u", *step.arguments], limit_s, log)
    seconds = time.monotonic() - start
    rows = list(read_measured_rows(rows_file))
    if status != "measured":
        within = f" after {seconds:.0f} s" if status == "timed out" else ""
        rows.append(Row(step.section, step.name, status=status, note=f"{status}{within}: {tail_of(log)}"))
    return rows, Outcome(step.name, status, round(seconds, 1))


def tail_of(log: Path) -> str:
    """The last lines of a log, as one."""
    lines = [line.strip() for line in log.read_text(encoding="utf-8", errors="replace").splitlines()]
    return " / ".join([line for line in lines if line][-_TAIL_LINES:])[-_TAIL_LENGTH:]


def _run_with_limit(command: Sequence[str], limit_s: float, log: Path) -> Status:
    # A step that is ended while torch.compile writes would leave half a file to those after it.
    with log.open("w", encoding="utf-8") as output, tempfile.TemporaryDirectory() as compiled:
        process = subprocess.Popen(
            command,
            stdout=output,
            stderr=subprocess.STDOUT,
            cwd=ROOT,
            env=_step_environment() | {"TORCHINDUCTOR_CACHE_DIR": compiled},
            start_new_session=True,
        )
        try:
            code = process.wait(limit_s)
        except subprocess.TimeoutExpired:
            return "timed out"
        finally:
            _end_step(process)
    return "measured" if code == 0 else "failed"


def _end_step(process: "subprocess.Popen[Any]") -> None:
    """End a step with all that it started."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def _step_environment() -> dict[str, str]:
    """This checkout comes first, whatever is installed."""
    paths = [str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")]), *map(str, stand_in_folders())]
    return os.environ | {"PYTHONPATH": os.pathsep.join(paths), "COLUMNS": "160"}


def _write_gpu_results(results: Results, workspace: Workspace) -> None:
    shown = Results(
        results.is_small, with_comparisons(results.rows, workspace), results.outcomes, results.is_finished
    )
    write_text(workspace.out / "gpu.json", shown.as_json() + "\n")
    write_text(workspace.out / "gpu.md", as_markdown(shown) + "\n")
    results.rows = shown.rows
