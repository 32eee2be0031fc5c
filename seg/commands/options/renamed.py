"""Commands and options under their former names: they work for one release, with a warning."""

from collections.abc import Iterator, Sequence
from typing import Final

from seg.terminal.notices import notice

COMMANDS: Final = {"pseudo": "pseudo-label"}
OPTIONS: Final = {("ensemble", "--on"): "--cluster", ("export", "--give"): "--outputs"}
"""By command and former name."""


def replace_renamed_options(arguments: Sequence[str]) -> list[str]:
    """The arguments of the command line with today's names, after a warning for each former one."""
    if not arguments:
        return []
    command = arguments[0]
    if command in COMMANDS:
        command = COMMANDS[command]
        _warn_of_renamed(f"seg {arguments[0]}", f"seg {command}")
    return [command, *_renamed_options(command, arguments[1:])]


def _renamed_options(command: str, arguments: Sequence[str]) -> Iterator[str]:
    are_options = True
    for argument in arguments:
        are_options &= argument != "--"
        option, equals, value = argument.partition("=")
        new = OPTIONS.get((command, option)) if are_options else None
        if new is None:
            yield argument
        else:
            _warn_of_renamed(option, new)
            yield f"{new}{equals}{value}"


def _warn_of_renamed(old: str, new: str) -> None:
    notice(f"{old} is now {new}: the old name goes in the next release")
