"""Runs a command line in a process of its own, forked from this one, and measures it.

A fork has all modules loaded: a case takes what the command takes. It must be made where no threads run,
which is why the harness is a program and no part of the tests' process.
"""

import functools
import os
import resource
import shutil
import signal
import sys
import tempfile
import time
import traceback
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Final, NoReturn

from seg.files.ownership import OUTPUTS
from tests.hostile.case import Case, Outcome

HANGS_AFTER: Final = 60.0
LARGEST: Final = 4 * 2**30
"""Bytes that a case cannot go beyond, so that the machine stays usable; what it may take is far less."""
POLL_S: Final = 0.005
ROOT: Final = Path(__file__).resolve().parents[2]
PROGRAM: Final = "import os; os.close({}); from seg.commands import main; main()"
"""Closes a file descriptor before its first line of ours, so that the start of Python is not counted."""


def run_case(case: Case, project: Path) -> Outcome:
    """Run a case in a copy of the project."""
    with tempfile.TemporaryDirectory(prefix="hostile-") as parent:
        Path(parent).chmod(0o755)  # For cases in which another user runs the command.
        folder = Path(parent) / "case"
        shutil.copytree(project, folder)
        case.prepare(folder)
        if case.writes is None:
            return run_forked(case, folder, Path(parent))
        before = _files(folder)
        outcome = run_forked(case, folder, Path(parent))
        allowed = (case.writes, OUTPUTS) if outcome.code == 0 and case.writes else ()
        changed = {place for place, _ in before.items() ^ _files(folder).items()}
        touched = (place for place in changed if not place.startswith(allowed))
        return replace(outcome, touched=min(touched, default=""))


def _files(folder: Path) -> dict[str, tuple[int, int]]:
    """The time and size of each file below a folder, without the cache."""
    found = {}
    for parent, folders, files in os.walk(folder):
        for path in (Path(parent) / name for name in (*folders, *files)):
            place = path.relative_to(folder).as_posix()
            if place.partition("/")[0] != "cache":
                status = path.lstat()
                found[place] = (0, 0) if path.is_dir() else (status.st_mtime_ns, status.st_size)
    return found


def run_forked(case: Case, folder: Path, scratch: Path) -> Outcome:
    """Run the command of a case in `folder`; what it prints goes through files in `scratch`."""
    reading, writing = os.pipe()
    child = os.fork()
    if not child:
        _run(case, folder, scratch, writing)
    os.close(writing)
    os.read(reading, 1)  # Ends when the command begins.
    os.close(reading)
    start = time.monotonic()
    hung = interrupted = False
    while True:
        done, status, usage = os.wait4(child, os.WNOHANG)
        if done:
            break
        if not hung and time.monotonic() - start > HANGS_AFTER:
            hung = True
            _kill(child, signal.SIGKILL)
        if (
            case.interrupted_after is not None
            and not interrupted
            and time.monotonic() - start > case.interrupted_after
        ):
            interrupted = True
            _kill(child, signal.SIGINT)
        time.sleep(POLL_S)
    return Outcome(
        code=os.waitstatus_to_exitcode(status),
        stdout=(scratch / "stdout").read_text(encoding="utf-8", errors="replace"),
        stderr=(scratch / "stderr").read_text(encoding="utf-8", errors="replace"),
        seconds=usage.ru_utime + usage.ru_stime,
        megabytes=max(0, usage.ru_maxrss - _held_by_a_fork()) // 1024,
        hung=hung,
    )


def _kill(group: int, number: int) -> None:
    with suppress(ProcessLookupError):
        os.killpg(group, number)


@functools.cache
def _held_by_a_fork() -> int:
    """The kilobytes of a fork that runs nothing."""
    child = os.fork()
    if not child:
        os._exit(0)
    return os.wait4(child, 0)[2].ru_maxrss


def _run(case: Case, folder: Path, scratch: Path, beginning: int) -> NoReturn:
    """Run the command in this process, which is a fork, and end it whatever happens.

    `beginning` is a file descriptor that is closed when the command begins.
    """
    code = 1
    try:
        os.setpgid(0, 0)
        _enter(folder, scratch)
        case.inside(folder)
        if case.anew or case.interrupted_after is not None:
            os.set_inheritable(beginning, True)
            os.execv(sys.executable, [sys.executable, "-c", PROGRAM.format(beginning), *case.command])
        os.close(beginning)
        code = _run_here(case.command)
    except BaseException:
        traceback.print_exc()
    finally:
        for stream in (sys.stdout, sys.stderr):
            with suppress(OSError):
                stream.flush()
        os._exit(code)


def _run_here(command: Sequence[str]) -> int:
    from seg.commands.app import run_command_line

    sys.argv = ["seg", *command]
    return run_command_line(command)


def _enter(folder: Path, scratch: Path) -> None:
    for number, name in ((1, "stdout"), (2, "stderr")):
        os.dup2(os.open(scratch / name, os.O_WRONLY | os.O_CREAT), number)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.environ["XDG_CACHE_HOME"] = str(folder / "cache")
    os.environ["PYTHONPATH"] = str(ROOT)
    os.chdir(folder)
    resource.setrlimit(resource.RLIMIT_DATA, (LARGEST, LARGEST))
