"""Options of all commands: numbers beyond any meaning, texts that are none, and both in every place."""

from collections.abc import Iterator
from typing import Any, Final

import typer

from seg.commands.app import app
from tests.hostile.case import Case

NUMBERS: Final = (
    "nan",
    "inf",
    "-inf",
    "1e30",
    "1e400",
    "-1",
    "9" * 5000,
    "",
    " ",
    "x",
    "0x10",
    "1_0.5",
    "\u0663x",
)
TEXTS: Final = (
    "",
    " ",
    "/",
    "~nosuchuser",
    "a" * 5000,
    "9" * 5000,
    "\udcff\udcfe",
    "\x1b[31m",
    "a\nb",
    "=",
    "[",
    "a**b",
    "../" * 200,
    "nan",
    "1e400",
    "9" * 400 + "GB",
    "9" * 400 + "h",
)
SKIPPED: Final = frozenset({"open_it", "host", "on", "overwrite"})
"""Options that open other programs, sockets or clusters."""

FORMS: Final = {
    "": ("--nope", "nope", "--version=3", "\udcff"),
    "spec": ("--nope", "nope", "check"),
    "spec check": ("",),
    "data": ("nope",),
    "data check": ("", "--strict=3"),
    "runs": ("--as", "--as nope", "--sort nope", "--where nope", "note", "note nope --lb 1"),
    "sweep": ("nope.yaml", "top sweep.yaml 0", "top sweep.yaml 1e9", "show"),
    "export": ("spec.yaml --format nope", "spec.yaml --precision nope"),
}


def cases() -> Iterator[Case]:
    for words, command in _commands(typer.main.get_command(app)):
        arguments = _arguments(command)
        for option in command.params:
            if option.param_type_name != "option" or option.is_flag or option.name in {"help", *SKIPPED}:
                continue
            is_number = _is_number(option)
            for value in NUMBERS if is_number else TEXTS:
                name = f"{' '.join(words)} {option.opts[0]} {value[:30]!r}"
                given = (*words, *arguments, f"{option.opts[0]}={value}")
                yield Case(name, given, expected="refused" if is_number else "either")
    for text, forms in FORMS.items():
        for form in forms:
            yield Case(f"{text} {form}", (*text.split(), *form.split(" ")))


def _commands(node: Any, words: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    inner = getattr(node, "commands", {})
    for name, command in inner.items():
        if name != "serve":
            yield from _commands(command, (*words, name))
    if not inner or node.name == "runs":
        yield words, node


def _arguments(command: Any) -> list[str]:
    """Of each argument that is needed, one of the project."""
    known = {
        "VIDEO": "nothing.mp4",
        "SUBMISSION": "submission.csv",
        "OUT": "new",
        "SWEEP": "sweep.yaml",
        "N": "1",
    }
    needed = [p for p in command.params if p.param_type_name == "argument" and p.required]
    places = [
        known.get(str(p.metavar).rstrip("."), "dataset.yaml" if p.metavar == "DATASET" else "nothing.yaml")
        for p in needed
    ]
    # Options that are needed beside the one that is tried.
    others = [f"{p.opts[0]}=x" for p in command.params if p.param_type_name == "option" and p.required]
    return places + others


def _is_number(option: Any) -> bool:
    return option.min is not None or option.max is not None
