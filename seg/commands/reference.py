"""The reference of every command, as a page: `python -m seg.commands.reference > docs/reference/commands.md`.

It is made of what `--help` shows.
"""

import sys
from collections.abc import Iterator
from typing import Any, Final

import typer

from seg.commands.app import app

Command = Any
"""A command of click, which typer may bring itself."""

_INTRODUCTION: Final = """\
# Commands

Every command with its arguments and options, as `seg COMMAND --help` shows them. The page is written by
`python -m seg.commands.reference` from the code, and a test compares it with the code.

`--debug` may be added to any command: it shows the traceback behind an error. Exit codes are listed in
[exit codes and errors](exit-codes.md).
"""


def commands_page() -> str:
    """The whole page, in Markdown."""
    return "\n".join([_INTRODUCTION, *_command_sections(typer.main.get_command(app), "seg")])


def _command_sections(command: Command, name: str) -> Iterator[str]:
    subcommands = getattr(command, "commands", {})
    if name != "seg":
        yield f"{'##' if name.count(' ') == 1 else '###'} `{name}`\n"
        yield f"{_help_paragraphs(command.help)}\n"
        yield _arguments_table(command)
    for inner, subcommand in subcommands.items():
        yield from _command_sections(subcommand, f"{name} {inner}")


def _arguments_table(command: Command) -> str:
    context = command.context_class(command)
    records = filter(None, (parameter.get_help_record(context) for parameter in command.params))
    # A bar would end the cell.
    cells = [(names.replace("|", "/"), " ".join(meaning.split())) for names, meaning in records]
    rows = [f"| `{names}` | {meaning} |\n" for names, meaning in cells]
    return "".join(["| argument or option | meaning |\n|---|---|\n", *rows]) if rows else ""


def _help_paragraphs(text: str | None) -> str:
    return "\n\n".join(" ".join(part.split()) for part in (text or "").split("\n\n"))


if __name__ == "__main__":
    sys.stdout.write(commands_page())
