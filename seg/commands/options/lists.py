"""Options that take several values: `--weights 2 1` and `--weights 2,1`."""

from collections.abc import Iterator, Sequence
from typing import Any

import typer
from typer.core import TyperCommand


class ListOptionCommand(TyperCommand):
    """A command whose repeatable options take all the values that follow, apart or with commas between.

    click gives an option a fixed number of values, so each value gets its option before click sees it:
    `--weights 2,1` becomes `--weights 2 --weights 1`.
    """

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        return super().parse_args(ctx, list(self._option_before_each_value(ctx, args)))

    def _option_before_each_value(self, ctx: Any, args: Sequence[str]) -> Iterator[str]:
        repeatable: dict[str, Any] = {
            name: option
            for option in self.params
            if getattr(option, "multiple", False)
            for name in option.opts
        }
        left = list(args)
        while left and left[0] != "--":
            name, equals, value = left.pop(0).partition("=")
            option = repeatable.get(name)
            if option is None or not (equals or left):
                yield f"{name}{equals}{value}"
                continue
            values = _split_at_commas(value if equals else left.pop(0))
            while left and all(_is_value_of_option(option, word, ctx) for word in _split_at_commas(left[0])):
                values += _split_at_commas(left.pop(0))
            for word in values:
                yield from (name, word)
        yield from left


def _split_at_commas(text: str) -> list[str]:
    return [word for word in text.split(",") if word] or [text]


def _is_value_of_option(option: Any, word: str, ctx: Any) -> bool:
    try:
        option.process_value(ctx, [word])
    except typer.BadParameter:
        return False
    return True
