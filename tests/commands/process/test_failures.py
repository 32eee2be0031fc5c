"""Whatever is raised inside a command reaches the user as one line and an exit code, never as a traceback."""

import errno
import functools
import inspect
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import cv2
import pytest
import typer
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from seg.commands.app import app, run_command_line
from seg.errors import DataError, SegError
from seg.stop_signals import StopSignal


def leaves(group: typer.Typer, words: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    """All commands with their words."""
    for info in group.registered_commands:
        assert info.callback is not None
        yield (*words, info.name or info.callback.__name__), info
    for inner in group.registered_groups:
        assert inner.typer_instance is not None
        yield from leaves(inner.typer_instance, (*words, str(inner.name)))


COMMANDS = dict(leaves(app))


def opencv_without_memory() -> BaseException:
    error = cv2.error("(-4:Insufficient memory) Failed to allocate 4294967296 bytes")
    error.code = -4
    return error


FAILURES: dict[str, tuple[Callable[[], BaseException], int]] = {
    "a user's mistake": (lambda: DataError("a.png: is empty: remove it"), 2),
    "a full disk": (lambda: OSError(errno.ENOSPC, "No space left on device"), 2),
    "a full disk, named": (lambda: OSError(errno.ENOSPC, "No space left on device", "x.csv"), 2),
    "a file that may not be read": (lambda: PermissionError(errno.EACCES, "Permission denied", b"x\xff"), 2),
    "an error without a number": (lambda: OSError("cannot identify image"), 2),
    "a closed pipe": (lambda: BrokenPipeError(errno.EPIPE, "Broken pipe"), 2),
    "no memory": (MemoryError, 2),
    "no memory, with words": (lambda: MemoryError("Unable to allocate 8 GiB\nfor an array"), 2),
    "no memory in OpenCV": (opencv_without_memory, 2),
    "deep input": (lambda: RecursionError("maximum recursion depth exceeded"), 2),
    "no text": (lambda: UnicodeDecodeError("utf-8", b"\xff", 0, 1, "invalid start byte"), 2),
    "a lone surrogate": (lambda: UnicodeEncodeError("utf-8", "\udc80", 0, 1, "surrogates not allowed"), 2),
    "Ctrl-C": (KeyboardInterrupt, 130),
    "a defect": (lambda: KeyError("x"), 70),
    "a defect without words": (AssertionError, 70),
    "a defect of many lines": (lambda: ValueError("a\n\x1b[31mb\udc80" * 1000), 70),
}


def arguments_of(callback: Callable[..., Any]) -> list[str]:
    """A word for each argument and option that is needed."""
    words = []
    for name, parameter in inspect.signature(callback).parameters.items():
        info = next(iter(getattr(parameter.annotation, "__metadata__", ())), parameter.default)
        is_needed = parameter.default is inspect.Parameter.empty and name != "context"
        if is_needed and type(info).__name__ == "ArgumentInfo":
            words.append("1" if name == "count" else "x")
        elif is_needed:
            declared = next(iter(info.param_decls or ()), f"--{name}")
            words.append(f"{declared}=x")
    return words


@settings(max_examples=400, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(words=st.sampled_from(sorted(COMMANDS)), failure=st.sampled_from(sorted(FAILURES)))
def test_whatever_a_command_raises_is_a_line_and_a_code(
    words: tuple[str, ...], failure: str, capsys: pytest.CaptureFixture[str]
) -> None:
    make, code = FAILURES[failure]
    info = COMMANDS[words]
    callback = info.callback

    @functools.wraps(callback)
    def fail(*_: Any, **__: Any) -> None:
        raise make()

    info.callback = fail
    try:
        assert run_command_line([*words, *arguments_of(callback)]) == code
    finally:
        info.callback = callback
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert error.startswith("seg: ")
    assert "Traceback" not in error
    if not isinstance(make(), SegError | KeyboardInterrupt):
        assert " ".join(words) in error


def fail_in(monkeypatch: pytest.MonkeyPatch, error: BaseException) -> None:
    def check(*_: Any) -> None:
        raise error

    monkeypatch.setattr("seg.spec.load_ensemble", check)


@pytest.mark.parametrize(
    ("command", "said"),
    [
        ("ensemble x", "interrupted; the same command goes on from here"),
        ("ensemble x --restart", "interrupted; the same command without --restart goes on from here"),
        ("show x", "interrupted"),
    ],
)
def test_ctrl_c_says_what_is_true_of_the_command(
    command: str, said: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    fail_in(monkeypatch, KeyboardInterrupt())
    assert run_command_line(command.split()) == 130
    assert capsys.readouterr().err == f"seg: {said}\n"


@pytest.mark.parametrize(("sent", "code"), [(signal.SIGTERM, 143), (signal.SIGHUP, 129)])
def test_another_signal_has_its_name_and_code(
    sent: signal.Signals, code: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Also where a library turned it into an exception of its own, as Lightning does."""
    error = KeyboardInterrupt()
    error.__cause__ = SystemExit(1)
    error.__cause__.__context__ = StopSignal(sent)
    for raised in (StopSignal(sent), error):
        fail_in(monkeypatch, raised)
        assert run_command_line(["tune", "x"]) == code
        line = f"stopped by {sent.name}; the same command goes on from here"
        assert capsys.readouterr().err == f"seg: {line}\n"
        assert run_command_line(["tune", "x", "--json"]) == code
        event = {"event": "stopped", "text": line, "signal": sent.name, "exit_code": code}
        assert json.loads(capsys.readouterr().err) == event


def test_an_import_that_ctrl_c_broke_is_an_interruption(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    error = ImportError("numpy could not be imported")
    error.__cause__ = KeyboardInterrupt()
    fail_in(monkeypatch, error)
    assert run_command_line(["show", "x"]) == 130
    assert capsys.readouterr().err == "seg: interrupted\n"


def test_a_defect_names_its_place_and_how_to_see_more(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    fail_in(monkeypatch, KeyError("x"))
    assert run_command_line(["show", "x"]) == 70
    line = capsys.readouterr().err
    assert "a defect of seg at seg/commands/ensemble/source.py:" in line
    assert "KeyError: 'x': please report it with what --debug shows" in line
    assert run_command_line(["show", "x", "--debug"]) == 70
    shown = capsys.readouterr().err
    assert shown.startswith("Traceback")
    assert shown.endswith(line)
    monkeypatch.setenv("SEG_DEBUG", "1")
    assert run_command_line(["show", "x"]) == 70
    assert capsys.readouterr().err.startswith("Traceback")


@pytest.mark.parametrize(
    ("command", "line"),
    [
        ("train", "seg: train: Missing argument 'SPEC': see seg train --help\n"),
        ("train --nope x", "seg: train: No such option: --nope: see seg train --help\n"),
        ("sprec", "seg: No such command 'sprec'. Did you mean 'spec'?: see seg --help\n"),
        ("data sprec", "seg: data: No such command 'sprec': see seg data --help\n"),
        ("runs --as", "seg: runs: Option '--as' requires an argument: see seg runs --help\n"),
    ],
)
def test_a_wrong_command_line_is_one_plain_line(
    command: str, line: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_command_line(command.split()) == 2
    assert capsys.readouterr().err == line


def test_every_number_of_the_command_line_has_both_bounds() -> None:
    root = typer.main.get_command(app)
    waiting: list[Any] = [root]
    numbers = 0
    while waiting:
        command = waiting.pop()
        waiting += getattr(command, "commands", {}).values()
        for option in command.params:
            low, high = getattr(option, "min", None), getattr(option, "max", None)
            assert (low is None) == (high is None), (command.name, option.name)
            numbers += low is not None
    assert numbers >= 15


def seg(command: str, **options: Any) -> subprocess.CompletedProcess[str]:
    words = [sys.executable, "-m", "seg", *command.split()]
    return subprocess.run(words, stderr=subprocess.PIPE, text=True, check=False, **options)


@pytest.mark.slow
def test_stdout_on_a_full_device_is_named() -> None:
    full = Path("/dev/full")
    if not full.exists():
        pytest.skip("this system has no /dev/full")
    with full.open("w") as opened:
        done = seg("spec schema", stdout=opened)
    assert (done.returncode, done.stderr) == (
        2,
        "seg: spec schema: standard output: No space left on device\n",
    )


@pytest.mark.slow
def test_a_reader_that_leaves_early_is_one_line() -> None:
    reading, writing = os.pipe()
    os.close(reading)
    done = seg("spec schema", stdout=writing)
    os.close(writing)
    assert done.returncode == 2
    assert done.stderr == "seg: spec schema: standard output: was closed before all was written\n"


@pytest.mark.slow
def test_closed_streams_are_no_failure() -> None:
    done = subprocess.run(
        f"{sys.executable} -m seg --version >&- && {sys.executable} -m seg spec check /nothing 2>&-",
        shell=True,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout, done.stderr) == (2, "", "")


@pytest.mark.slow
def test_a_name_that_is_no_text_is_spelled_out() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "seg", "spec", "check", b"/nothing/\xff.yaml"],
        capture_output=True,
        check=False,
    )
    assert done.returncode == 2
    assert done.stderr == b"seg: /nothing/\\udcff.yaml: cannot be read: No such file or directory\n"


@pytest.mark.parametrize(
    "arguments", ["data sample x --slide 7", "tune x.yaml --judge val", "serve x --port x"]
)
def test_no_option_shows_the_librarys_words(arguments: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_command_line(arguments.split()) == 2
    line = capsys.readouterr().err
    assert "Invalid value for '--" in line
    assert "Input should" not in line
    assert "Value error" not in line
