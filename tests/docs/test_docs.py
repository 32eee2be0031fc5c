"""The pages that the code writes, links between pages, and the site that mkdocs builds of them."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from seg.commands.options.compatibility import compatibility_page
from seg.commands.reference import commands_page
from seg.spec import EnsembleSpec
from seg.spec.recipe.sweep import SweepSpec
from seg.spec.reference import spec_page

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"
PAGES = sorted([*ROOT.glob("*.md"), *DOCS.rglob("*.md"), *(ROOT / "examples").rglob("README.md")])

FOLDERS = ("seg", "engine", "evaluate", "export", "train", "tests", "benchmarks", "docs", "examples")
CODE = sorted(path for folder in FOLDERS for path in (ROOT / folder).rglob("*.py"))


def test_the_reference_has_every_spec_key() -> None:
    assert (DOCS / "reference/spec.md").read_text(encoding="utf-8") == spec_page()


def test_the_reference_has_every_command() -> None:
    assert (DOCS / "reference/commands.md").read_text(encoding="utf-8") == commands_page()


def test_the_reference_has_every_exclusion() -> None:
    assert (DOCS / "reference/compatibility.md").read_text(encoding="utf-8") == compatibility_page()


@pytest.mark.parametrize("spec", [EnsembleSpec, SweepSpec])
def test_editors_get_a_meaning_for_every_key(spec: Any) -> None:
    schema = spec.model_json_schema()
    unexplained = [
        f"{place}.{name}"
        for place, properties in _properties_in(schema, "spec")
        for name, found in properties.items()
        if not found.get("description") and not _definition(schema, found).get("description")
    ]
    assert not unexplained


def _properties_in(schema: Any, place: str) -> Iterator[tuple[str, Any]]:
    """The properties of every mapping of a JSON schema."""
    if isinstance(schema, dict):
        if isinstance(schema.get("properties"), dict):
            yield place, schema["properties"]
        for name, inner in schema.items():
            yield from _properties_in(inner, f"{place}.{name}")
    if isinstance(schema, list):
        for inner in schema:
            yield from _properties_in(inner, place)


def _definition(schema: Any, found: Any) -> Any:
    """What a property refers to: a key whose mapping has the same description shows that one."""
    return schema["$defs"].get(found.get("$ref", "").rpartition("/")[2], {})


@pytest.mark.parametrize("path", PAGES, ids=lambda path: str(path.relative_to(ROOT)))
def test_links_lead_to_files(path: Path) -> None:
    text = re.sub("```.*?```", "", path.read_text(encoding="utf-8"), flags=re.DOTALL)
    targets = re.findall(r"\]\(([^)#\s]+)", text)
    missing = [one for one in targets if "://" not in one and not (path.parent / one).exists()]
    assert not missing


def test_paths_of_pages_in_code_lead_to_files() -> None:
    texts = [path.read_text(encoding="utf-8") for path in [*PAGES, *CODE]]
    named = {page for text in texts for page in re.findall(r"\bdocs/[a-z/-]+\.(?:md|png|jpg)\b", text)}
    assert not [page for page in sorted(named) if not (ROOT / page).exists()]


def test_files_that_contributing_names_are_there() -> None:
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    named = set(re.findall(r"`((?:[a-z_]+/)*[a-z_]+\.(?:py|md))`", text))
    found = [str(path.relative_to(ROOT)) for path in [*CODE, *PAGES]]
    assert len(named) > 20
    assert not [one for one in sorted(named) if not any(f"/{path}".endswith(f"/{one}") for path in found)]


def test_examples_on_pages_use_commands_and_options_that_exist() -> None:
    sections = re.split(r"^#+ `(seg [a-z -]+)`$", commands_page(), flags=re.MULTILINE)[1:]
    options = {
        command: {"--help", "--debug", *re.findall(r"(?<=[`, ])--?[a-z][a-z-]*", text)}
        for command, text in zip(sections[::2], sections[1::2], strict=True)
    }
    wrong = []
    for page in PAGES:
        for line in re.findall(r"^    (seg [a-z][^#|\n]*)", page.read_text(encoding="utf-8"), re.MULTILINE):
            words = line.split()
            command = next((" ".join(words[:n]) for n in (3, 2) if " ".join(words[:n]) in options), None)
            given = {word for word in words if re.match("--?[a-z]", word)}
            if command is None or given - options[command]:
                wrong.append(f"{page.name}: {line}")
    assert not wrong


@pytest.mark.slow
@pytest.mark.skipif(find_spec("mkdocs") is None, reason="needs segensemble[docs]")
def test_mkdocs_builds_the_site_without_a_warning(tmp_path: Path) -> None:
    built = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(tmp_path / "site")],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "NO_MKDOCS_2_WARNING": "true"},
    )
    assert built.returncode == 0, built.stderr
    assert "WARNING" not in built.stderr
    home = (tmp_path / "site/index.html").read_text(encoding="utf-8")
    assert not re.search(r'<(?:script|link|img)[^>]+(?:src|href)="https?://(?!squidfunk)', home)
