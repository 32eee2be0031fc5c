"""Error reporting: any exception becomes a line on stderr and an exit code.

An error of `seg.errors` names the place and the fix itself. The system's own (a full disk, no memory, a
closed pipe) is named with the command that met it. Anything else is a defect of ours, named with its place
in our code.
"""

import errno
import os
import traceback
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final

import typer

from seg.commands.process.interrupts import stop_line
from seg.commands.process.streams import close_stdout, print_on_stderr
from seg.errors import EXIT_DEFECT, EXIT_USER_ERROR, SegError
from seg.stop_signals import StopSignal
from seg.terminal.events import current_output_form, event_line
from seg.terminal.words import printable_line

_USAGE_ERROR: Final[type[Any]] = typer.BadParameter.__mro__[1]
"""click's UsageError, whose module name in typer depends on the version."""

_CONTINUES: Final = frozenset(
    {"train", "export", "ensemble", "tune", "report", "pseudo-label", "distill", "sweep"}
)
"""Commands that resume an interrupted run."""

_BEGINS_ANEW: Final = ("--restart", "--retrain", "--force")
"""Options with which they do not resume."""

_OPENCV_NO_MEMORY: Final = -4

_SOURCE: Final = Path(__file__).resolve().parents[3]
_OWN_FOLDERS: Final = ("seg", "train", "export", "engine", "evaluate")


def report_failure(error: BaseException, command: str, arguments: Sequence[str], *, debug: bool) -> int:
    """Print what went wrong, after the traceback where `debug`, and return the exit code.

    Args:
        error: what was raised.
        command: what was being done, such as `data check`; empty before a command is known.
        arguments: those of the command line.
    """
    close_stdout()
    if debug:
        print_on_stderr("".join(traceback.format_exception(error)))
    if stopped := _stop_signal_of(error):
        print_on_stderr(stop_line(stopped, _how_to_resume(command, arguments)))
        return stopped.exit_code
    code, lines = describe_failure(error, command, arguments)
    for line in map(printable_line, lines):
        is_event = current_output_form() == "json"
        print_on_stderr(event_line("error", text=line, exit_code=code) if is_event else f"seg: {line}")
    return code


def describe_failure(
    error: BaseException, command: str, arguments: Sequence[str]
) -> tuple[int, Sequence[str]]:
    """The exit code, and one line per problem, of an error that is no `StopSignal`."""
    doing = f"{command}: " if command else ""
    if isinstance(error, SegError):
        return EXIT_USER_ERROR, str(error).split("\n")
    if isinstance(error, _USAGE_ERROR):
        # Without a command, the help was printed, and nothing else is needed.
        problem = _plain_usage_error(" ".join(error.format_message().split()).rstrip("."))
        return EXIT_USER_ERROR, [f"{doing}{problem}: see {_help_command(command)}"] if problem else []
    if problem := _known_failure(error):
        return EXIT_USER_ERROR, [f"{doing}{problem}"]
    defect = (
        f"a defect of seg at {_place_of_defect(error)}: {type(error).__name__}{_first_line_of_error(error)}"
    )
    return EXIT_DEFECT, [f"{doing}{defect}: please report it with what --debug shows"]


def _plain_usage_error(message: str) -> str:
    """Without the phrases of the library that checks the values of options."""
    return message.replace(": Value error, ", ": ").replace(": Input should be ", ": must be ")


def _known_failure(error: BaseException) -> str:
    """A message for errors of the system, memory, or nesting of the input; empty for anything else."""
    match error:
        case OSError():
            return _system_failure(error)
        case RecursionError():
            return "the input is nested too deeply to be read"
        case UnicodeError():
            return f"text that cannot be read or written: {error}"
        case EOFError() | typer.Abort():
            return "the input ended too early"
    # torch and OpenCV, which are not imported here, have errors of their own.
    is_memory = (
        isinstance(error, MemoryError)
        or type(error).__name__ == "OutOfMemoryError"
        or (type(error).__module__ == "cv2" and getattr(error, "code", 0) == _OPENCV_NO_MEMORY)
    )
    return f"out of memory{_first_line_of_error(error)}" if is_memory else ""


def _system_failure(error: OSError) -> str:
    where = error.filename
    problem = error.strerror or str(error) or type(error).__name__
    if error.errno == errno.EPIPE:
        where, problem = where or "the output", "was closed before all was written"
    return f"{os.fsdecode(where)}: {problem}" if isinstance(where, str | bytes) else problem


def _stop_signal_of(error: BaseException) -> StopSignal | None:
    """The signal that stopped the command, if one did: a library may wrap it in exceptions of its own."""
    causes = list(_error_and_its_causes(error))
    if signals := [one for one in causes if isinstance(one, StopSignal)]:
        return signals[-1]
    return StopSignal() if any(isinstance(one, KeyboardInterrupt) for one in causes) else None


def _error_and_its_causes(error: BaseException | None) -> Iterator[BaseException]:
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        yield error
        error = error.__cause__ or error.__context__


def _how_to_resume(command: str, arguments: Sequence[str]) -> str:
    if command.partition(" ")[0] not in _CONTINUES:
        return ""
    anew = next((option for option in _BEGINS_ANEW if option in arguments), None)
    return f"; the same command {f'without {anew} ' if anew else ''}goes on from here"


def _help_command(command: str) -> str:
    return f"seg {command} --help" if command else "seg --help"


def _first_line_of_error(error: BaseException) -> str:
    lines = str(error).splitlines()
    return f": {lines[0]}" if lines else ""


def _place_of_defect(error: BaseException) -> str:
    """The last file and line of our code in the traceback, or of any code if there is none of ours."""
    frames = [(Path(frame.filename), frame.lineno) for frame in traceback.extract_tb(error.__traceback__)]
    ours = [(file.relative_to(_SOURCE), line) for file, line in frames if _is_file_of_seg(file)]
    file, line = (ours or frames or [(Path("?"), 0)])[-1]
    return f"{file}:{line}"


def _is_file_of_seg(file: Path) -> bool:
    return file.is_relative_to(_SOURCE) and file.relative_to(_SOURCE).parts[0] in _OWN_FOLDERS
