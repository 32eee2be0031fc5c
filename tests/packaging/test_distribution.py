"""One name for the installable package, in every text that a user reads."""

import re
import subprocess
import tomllib
from pathlib import Path

import pytest

from seg.distribution import DISTRIBUTION, install_advice

ROOT = Path(__file__).resolve().parents[2]
TEXTS = (".py", ".md", ".ipynb", ".toml", ".yaml", ".yml", ".txt", ".html", "Makefile")
OTHER_PROJECT = re.compile(r"pip3? install [^\n`]*?(?<![\w./-])['\"]?seg(?=['\"`\[\s]|$)")


def test_the_project_has_that_name() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert project["name"] == DISTRIBUTION


def test_every_extra_can_be_advised() -> None:
    assert install_advice("geo") == f"pip install '{DISTRIBUTION}[geo]'"


@pytest.mark.parametrize(
    "text", ["pip install seg", "pip install 'seg[geo]'", "pip install -U seg `", "pip install x seg"]
)
def test_the_pattern_finds_the_other_project(text: str) -> None:
    assert OTHER_PROJECT.search(text)


@pytest.mark.slow
def test_no_text_installs_another_project() -> None:
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True)
    texts = [ROOT / name for name in listed.stdout.splitlines() if name.endswith(TEXTS)]
    assert len(texts) > 100
    found = [
        str(text.relative_to(ROOT))
        for text in texts
        if text.is_file()
        and text != Path(__file__)
        and OTHER_PROJECT.search(text.read_text(encoding="utf-8"))
    ]
    assert found == []
