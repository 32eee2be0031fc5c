"""Options of several values: apart, with commas, repeated, and where they end."""

from enum import StrEnum

import pytest
import typer
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from seg.commands.options.lists import ListOptionCommand

app = typer.Typer()


class Fruit(StrEnum):
    apple = "apple"
    pear = "pear"


@app.command(cls=ListOptionCommand)
def show(
    names: list[str], weights: list[float] | None = None, fruit: list[Fruit] | None = None, loud: bool = False
) -> None:
    typer.echo(f"{names} {weights or []} {[str(one) for one in fruit or ()]} {loud}")


def shown(*arguments: str) -> str:
    result = CliRunner().invoke(app, arguments)
    return result.stdout.strip() if result.exit_code == 0 else f"code {result.exit_code}"


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("a --weights 2 1", "['a'] [2.0, 1.0] [] False"),
        ("a --weights 2,1", "['a'] [2.0, 1.0] [] False"),
        ("a --weights=2,1 3", "['a'] [2.0, 1.0, 3.0] [] False"),
        ("a --weights 2, 1", "['a'] [2.0, 1.0] [] False"),
        ("--weights 2 1 a.onnx b", "['a.onnx', 'b'] [2.0, 1.0] [] False"),
        ("--weights 2 --loud a --weights 1", "['a'] [2.0, 1.0] [] True"),
        ("--weights -1 2 a", "['a'] [-1.0, 2.0] [] False"),
        ("--fruit apple pear plum", "['plum'] [] ['apple', 'pear'] False"),
        ("--fruit apple,pear --weights 1 a", "['a'] [1.0] ['apple', 'pear'] False"),
        ("--weights 1 -- 2 --weights", "['2', '--weights'] [1.0] [] False"),
        ("a 1 2", "['a', '1', '2'] [] [] False"),
        ("a --weights", "code 2"),
        ("a --weights b", "code 2"),
        ("a --weights 1,b", "code 2"),
        ("a --weights --loud", "code 2"),
        ("a --fruit plum", "code 2"),
        ("a --weights=", "code 2"),
    ],
)
def test_values_that_follow_are_taken(line: str, expected: str) -> None:
    assert shown(*line.split(" ")) == expected


@given(st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=1, max_size=5), st.data())
def test_any_numbers_come_through_in_order(numbers: list[float], data: st.DataObject) -> None:
    words = [str(numbers[0])]
    for number in numbers[1:]:
        if data.draw(st.booleans()):
            words[-1] += f",{number}"
        else:
            words.append(str(number))
    assert shown("a", "--weights", *words) == f"['a'] {numbers} [] False"
