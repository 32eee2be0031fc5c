"""Runs a command line in a process of its own, forked from this one, and measures it.

A fork has all modules loaded: a case takes what the command takes. It must be made where no threads run,
which is why the harness is a program and no part of the tests' process.
"""

import os
import resource
import shutil
import sys
import tempfile
import time
import traceback
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from seg.engine.runtimes.profiling import resident_bytes
from tests.hostile.case import Case, Outcome

HANGS_AFTER: Final = 60.0
LARGEST: Final = 4 * 2**30
"""Bytes that a case cannot go beyond, so that the machine stays usable; what it may take is far less."""
POLL_S: Final = 0.005


def run_case(case: Case, project: Path) -> Outcome:
    """Run a case in a copy of the project."""
    with tempfile.TemporaryDirectory(prefix="hostile-") as parent:
        folder = Path(parent) / "case"
        shutil.copytree(project, folder)
        case.prepare(folder)
        return run_forked(case.command, folder, Path(parent))


def run_forked(command: Sequence[str], folder: Path, scratch: Path) -> Outcome:
    """Run `seg` with these arguments in `folder`; what it prints goes through files in `scratch`."""
    start, held = time.monotonic(), resident_bytes()  # Which a fork holds from the start.
    child = os.fork()
    if not child:
        os._exit(_run_here(command, folder, scratch))
    hung = False
    while True:
        done, status, usage = os.wait4(child, os.WNOHANG)
        if done:
            break
        if not hung and time.monotonic() - start > HANGS_AFTER:
            hung = True
            os.kill(child, 9)
        time.sleep(POLL_S)
    return Outcome(
        code=os.waitstatus_to_exitcode(status),
        stdout=(scratch / "stdout").read_text(encoding="utf-8", errors="replace"),
        stderr=(scratch / "stderr").read_text(encoding="utf-8", errors="replace"),
        seconds=time.monotonic() - start,
        megabytes=max(0, usage.ru_maxrss * 1024 - held) // 2**20,
        hung=hung,
    )


def _run_here(command: Sequence[str], folder: Path, scratch: Path) -> int:
    for number, name in ((1, "stdout"), (2, "stderr")):
        os.dup2(os.open(scratch / name, os.O_WRONLY | os.O_CREAT), number)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.environ["XDG_CACHE_HOME"] = str(folder / "cache")
    os.chdir(folder)
    resource.setrlimit(resource.RLIMIT_DATA, (LARGEST, LARGEST))
    sys.argv = ["seg", *command]
    code = 1
    try:
        from seg.commands.app import run

        code = run(command)
    except BaseException:
        traceback.print_exc()
    for stream in (sys.stdout, sys.stderr):
        stream.flush()
    return code
