"""The flags of `seg` itself, which may stand anywhere on the command line: --debug, --quiet and --json."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from seg.terminal.events import Form, current_output_form

DEBUG_VARIABLE: Final = "SEG_DEBUG"

DEBUG: Final = "--debug"
QUIET: Final = "--quiet"
JSON: Final = "--json"
_FLAGS: Final = frozenset({DEBUG, QUIET, JSON})


@dataclass(frozen=True, slots=True)
class GlobalFlags:
    """How a command speaks: with the traceback of an error, and in which form."""

    debug: bool
    form: Form


def take_global_flags(arguments: Sequence[str], root: Any) -> tuple[GlobalFlags, list[str]]:
    """The flags, and the other arguments. After a command with an option of the same name, it is that option.

    Args:
        root: the command `seg`, as click has it.
    """
    command, taken, others = root, set(), []
    for argument in arguments:
        command = getattr(command, "commands", {}).get(argument, command)
        own = {option for parameter in command.params for option in parameter.opts}
        if argument in _FLAGS - own:
            taken.add(argument)
        else:
            others.append(argument)
    form: Form = "json" if JSON in taken else "quiet" if QUIET in taken else current_output_form()
    return GlobalFlags(DEBUG in taken or bool(os.environ.get(DEBUG_VARIABLE)), form), others
