"""What every step does at its start: find its workspace, and hand on rows."""

import argparse
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from benchmarks.gpu.harness.rows import Row, append_measured_row
from benchmarks.gpu.workspace import FULL, SMALL, Workspace


@dataclass(frozen=True)
class StepCall:
    """How a step was called, and where its rows go."""

    workspace: Workspace
    arguments: tuple[str, ...]

    def add(self, row: Row) -> None:
        print(row, flush=True)
        append_measured_row(self.workspace.rows, row)


def run_as_child(step: Callable[[StepCall], None]) -> None:
    """Call a step with its command line: OUT, its arguments, and perhaps --small."""
    parser = argparse.ArgumentParser()
    parser.add_argument("out", type=Path)
    parser.add_argument("arguments", nargs="*")
    parser.add_argument("--small", action="store_true")
    options = parser.parse_args()
    workspace = Workspace(options.out, SMALL if options.small else FULL)
    step(StepCall(workspace, tuple(options.arguments)))
