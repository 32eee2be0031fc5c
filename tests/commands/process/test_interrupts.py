"""Ctrl-C from the first line of the program to its last, in processes of their own."""

import subprocess
import sys

import pytest

PROGRAM = """
import atexit, importlib.abc, os, signal, sys

def interrupt():
    os.kill(os.getpid(), signal.SIGINT)

class Interrupting(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path, target=None):
        if {at_exit} and name == "seg.evaluate.cache":
            atexit.register(interrupt)
        if name == {module!r}:
            try:
                interrupt()
            except KeyboardInterrupt:
                if {swallows}:
                    return None
                raise

signal.signal(signal.SIGINT, signal.{before})
sys.meta_path.insert(0, Interrupting())
from seg.commands import main
main()
"""


def run(
    module: str = "", *, swallows: bool = False, at_exit: bool = False, before: str = "default_int_handler"
) -> tuple[int, str]:
    """Run `seg cache ls`; returns its exit code and what it writes on stderr."""
    program = PROGRAM.format(module=module, swallows=swallows, at_exit=at_exit, before=before)
    command = [sys.executable, "-c", program, "cache", "ls"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return done.returncode, done.stderr


INTERRUPTED = (130, "seg: interrupted\n")


@pytest.mark.slow
def test_without_it_the_command_ends_well() -> None:
    assert run() == (0, "")


@pytest.mark.slow
def test_before_the_handler_is_set() -> None:
    assert run("seg.commands.process.interrupts") == INTERRUPTED


@pytest.mark.slow
@pytest.mark.parametrize("module", ["seg.commands.app", "seg.evaluate.cache"])
def test_an_import_cannot_swallow_it(module: str) -> None:
    """Of the command line, and of a command at work."""
    assert run(module, swallows=True) == INTERRUPTED


@pytest.mark.slow
def test_while_the_process_comes_to_its_end() -> None:
    assert run(at_exit=True) == INTERRUPTED


@pytest.mark.slow
def test_a_job_in_the_background_does_not_hear_it() -> None:
    assert run("seg.evaluate.cache", before="SIG_IGN") == (0, "")
