"""Writing into a YAML file: what was written is read back, and all else stays, byte by byte."""

import json
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from seg.errors import SpecError
from seg.spec.yaml.edit import write_under_key

ABOVE = """\
# an ensemble
data: { train: {images:   a}, val: b }   # odd spaces stay
members:
- name: x   # no indent
  weight: 2.0e-3
"""
BELOW = """\

# about views
views: "d4"
"""
VALUES = {"tolerance": 0.01, "calibration": {"images": 3, "risk": (0.0, 0.25)}}
READ_BACK = {"tolerance": 0.01, "calibration": {"images": 3, "risk": [0.0, 0.25]}}


def read(path: Path) -> object:
    return YAML(typ="safe").load(path)


def test_keys_that_are_no_longer_wanted_go(tmp_path: Path) -> None:
    path = tmp_path / "x.yaml"
    path.write_text("decision:\n  fill_holes: true # stays\n  threshold: 0.4\nviews: d4\n")
    write_under_key(
        path, "decision", {"classes": {"a": {"threshold": 0.3}}}, without=("threshold", "classes")
    )
    assert path.read_text() == (
        "decision:\n  fill_holes: true # stays\n  classes:\n    a:\n      threshold: 0.3\nviews: d4\n"
    )


@pytest.mark.parametrize(
    "before", ["", "stopping: exact\n", "stopping: {tolerance: 0.5} # note\n", "stopping:\n  tolerance: 1\n"]
)
@pytest.mark.parametrize("below", ["", BELOW])
def test_other_lines_stay(tmp_path: Path, before: str, below: str) -> None:
    path = tmp_path / "x.yaml"
    path.write_text(ABOVE + before + below)
    write_under_key(path, "stopping", VALUES)
    text = path.read_text()
    assert text.startswith(ABOVE)
    assert below in text
    expected = YAML(typ="safe").load(ABOVE + before + below) | {"stopping": READ_BACK}
    assert read(path) == expected
    write_under_key(path, "stopping", VALUES)
    assert path.read_text() == text


def test_what_is_not_named_and_comments_inside_stay(tmp_path: Path) -> None:
    path = tmp_path / "x.yaml"
    path.write_text("stopping:\n  # as agreed\n  tolerance: 0.5 # half\n  other: 1\nviews: d4\n")
    write_under_key(path, "stopping", {"tolerance": 0.1})
    assert path.read_text() == ("stopping:\n  # as agreed\n  tolerance: 0.1 # half\n  other: 1\nviews: d4\n")


def test_a_file_in_braces_is_written_whole(tmp_path: Path) -> None:
    path = tmp_path / "x.yaml"
    path.write_text(json.dumps({"a": [1, {"b": 2}], "stopping": "exact"}))
    write_under_key(path, "stopping", VALUES)
    assert read(path) == {"a": [1, {"b": 2}], "stopping": READ_BACK}


def test_a_last_line_without_an_end_gets_one(tmp_path: Path) -> None:
    path = tmp_path / "x.yaml"
    path.write_text("a: 1")
    write_under_key(path, "stopping", {"tolerance": 0.1})
    assert read(path) == {"a": 1, "stopping": {"tolerance": 0.1}}


def test_a_file_that_is_not_there_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(SpecError, match=r"nothing\.yaml: cannot be read"):
        write_under_key(tmp_path / "nothing.yaml", "stopping", VALUES)
