"""Help of every command: that it is there, quick, and names all choices."""

import re
import subprocess
import sys
from collections.abc import Iterator
from typing import get_args

import pytest
import typer
from typer.testing import CliRunner

from seg.commands.app import app
from seg.spec.ensemble.output import Format
from tests.commands.processes import seg


def words_of_commands(group: typer.Typer, words: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """The words of the group, of all groups in it, and of all their commands."""
    yield words
    for info in group.registered_commands:
        assert info.callback is not None
        yield (*words, info.name or info.callback.__name__)
    for inner in group.registered_groups:
        assert inner.typer_instance is not None
        yield from words_of_commands(inner.typer_instance, (*words, str(inner.name)))


WORDS = list(words_of_commands(app))


@pytest.mark.parametrize("words", WORDS, ids=" ".join)
def test_help_is_there_for_every_command(words: tuple[str, ...]) -> None:
    done = CliRunner().invoke(app, [*words, "--help"])
    assert done.exit_code == 0
    assert "Usage: seg " + " ".join(words) in " ".join(done.stdout.split()).replace(
        "Usage: root", "Usage: seg"
    )


def test_help_is_there_in_a_process_of_its_own() -> None:
    done = seg("--help")
    assert done.returncode == 0
    assert all(words[0] in done.stdout for words in WORDS if words)


@pytest.mark.slow
def test_help_imports_nothing_heavy() -> None:
    """Time is not for tests to tell, but what takes it is."""
    program = """
import sys
from typer.testing import CliRunner
from seg.commands.app import app
assert CliRunner().invoke(app, ["--help"]).exit_code == 0
heavy = {"torch", "numpy", "cv2", "onnx", "onnxruntime", "pydantic", "lightning", "ruamel"}
print(sorted(heavy & set(sys.modules)))
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_help_names_every_format_that_can_be_written() -> None:
    said = " ".join(seg("submission", "convert", "--help").stdout.replace("│", " ").split())
    (listed,) = re.findall(r"--to <str> (.*?)\.", said)
    assert tuple(re.split(", | or ", listed)) == get_args(Format)
