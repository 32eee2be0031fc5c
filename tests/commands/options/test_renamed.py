"""Former names of commands and options: they work, with a warning that names the new one."""

import subprocess
import sys

import pytest

from seg.commands.options.renamed import COMMANDS, OPTIONS, replace_renamed_options
from seg.terminal.notices import notice


@pytest.mark.parametrize(
    ("line", "renamed"),
    [
        ("pseudo x.yaml -o pseudo", "pseudo-label x.yaml -o pseudo"),
        (
            "export x.yaml --give labels --give=confidence",
            "export x.yaml --outputs labels --outputs=confidence",
        ),
        ("ensemble x.yaml --on ray", "ensemble x.yaml --cluster ray"),
        ("ensemble x.yaml -- --on", "ensemble x.yaml -- --on"),
        ("export x.yaml --on ray", "export x.yaml --on ray"),
        ("ensemble pseudo --only", "ensemble pseudo --only"),
        ("", ""),
    ],
)
def test_names_are_replaced_where_they_were_names(line: str, renamed: str) -> None:
    assert replace_renamed_options(line.split()) == renamed.split()


@pytest.mark.parametrize(
    ("line", "old", "new"),
    [("ensemble x.yaml --on ray", "--on", "--cluster"), ("pseudo", "seg pseudo", "seg pseudo-label")],
)
def test_a_former_name_is_one_line_of_warning(
    line: str, old: str, new: str, capsys: pytest.CaptureFixture[str]
) -> None:
    notice.cache_clear()
    replace_renamed_options(line.split())
    assert capsys.readouterr().err == f"seg: {old} is now {new}: the old name goes in the next release\n"


@pytest.mark.slow
def test_former_names_are_in_no_help_and_new_ones_are() -> None:
    for command, option in [("", ""), *OPTIONS]:
        done = subprocess.run(
            [sys.executable, "-m", "seg", *command.split(), "--help"],
            capture_output=True,
            text=True,
            check=True,
        )
        words = done.stdout.split()
        former, new = (option, OPTIONS[command, option]) if command else ("pseudo", COMMANDS["pseudo"])
        assert former not in words
        assert new in words
