"""Ctrl-C, SIGTERM and SIGHUP from the first line of the program to its last, in processes of their own."""

import json
import subprocess
import sys

import pytest

PROGRAM = """
import atexit, importlib.abc, os, signal, sys

def interrupt():
    os.kill(os.getpid(), signal.{sent})

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

signal.signal(signal.{sent}, signal.{before})
sys.meta_path.insert(0, Interrupting())
from seg.commands import main
main()
"""


def run(
    module: str = "",
    *options: str,
    swallows: bool = False,
    at_exit: bool = False,
    sent: str = "SIGINT",
    before: str = "",
) -> tuple[int, str]:
    """Run `seg cache ls`; returns its exit code and what it writes on stderr."""
    before = before or ("default_int_handler" if sent == "SIGINT" else "SIG_DFL")
    program = PROGRAM.format(module=module, swallows=swallows, at_exit=at_exit, sent=sent, before=before)
    command = [sys.executable, "-c", program, "cache", "ls", *options]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return done.returncode, done.stderr


INTERRUPTED = (130, "seg: interrupted\n")
OTHERS = {"SIGTERM": (143, "seg: stopped by SIGTERM\n"), "SIGHUP": (129, "seg: stopped by SIGHUP\n")}


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
@pytest.mark.parametrize("sent", OTHERS)
@pytest.mark.parametrize("module", ["seg.commands.app", "seg.evaluate.cache"])
def test_other_signals_that_stop_a_command_give_their_own_code(module: str, sent: str) -> None:
    assert run(module, swallows=True, sent=sent) == OTHERS[sent]


@pytest.mark.slow
@pytest.mark.parametrize("sent", OTHERS)
def test_they_are_heard_at_the_end_too(sent: str) -> None:
    assert run(at_exit=True, sent=sent) == OTHERS[sent]


@pytest.mark.slow
@pytest.mark.parametrize("sent", ["SIGINT", "SIGHUP"])
def test_a_job_in_the_background_or_under_nohup_does_not_hear_it(sent: str) -> None:
    assert run("seg.evaluate.cache", sent=sent, before="SIG_IGN") == (0, "")


@pytest.mark.slow
@pytest.mark.parametrize("sent", ["SIGINT", *OTHERS])
def test_the_last_event_says_which_signal_it_was(sent: str) -> None:
    code, events = run("seg.evaluate.cache", "--json", sent=sent)
    last = json.loads(events.splitlines()[-1])
    assert last["event"] == "stopped"
    assert (last["signal"], last["exit_code"]) == (sent, code)
