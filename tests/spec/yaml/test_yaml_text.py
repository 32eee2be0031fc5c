"""YAML as specs have it: what is plain comes back, and what is beyond is one line with its place."""

import json
import os
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from seg.errors import SpecError
from seg.spec import load_ensemble
from seg.spec.yaml.edit import write_under_key
from seg.spec.yaml.yaml_text import MOST_BYTES, MOST_LEVELS, MOST_VALUES, parse_yaml_text, read_yaml_text

HERE = Path("x.yaml")
WORDS = st.text(st.characters(codec="utf-8", exclude_categories=["C", "Z"]), max_size=8)
VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**60), 2**60)
    | st.floats(allow_nan=False, allow_infinity=False)
    | WORDS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(WORDS, inner, max_size=4),
    max_leaves=20,
)


@given(value=VALUES)
def test_plain_values_come_back(value: Any) -> None:
    """JSON is YAML, and its writer another library's."""
    assert parse_yaml_text(json.dumps(value, ensure_ascii=False), HERE) == value


PIECES = st.sampled_from(
    [
        *("- ", "? ", ": ", "a", "b: ", "&a ", "*a", "<<: ", "!!int ", "!x ", "[", "]", "{", "}", ",", "'"),
        *("\n", "\n  ", "|\n", ">-\n", "#", "%YAML 1.1\n", "---\n", "...\n", "\\", "\\ud800", "\\0", "\t"),
        *(
            "~",
            ".inf",
            "0x",
            "1e9",
            "2020-02-31",
            "@",
            "`",
            "data",
            "members",
            "\u2028",
            "\x85",
            "\ufeff",
            '"',
        ),
    ]
)


@settings(max_examples=400, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(pieces=st.lists(PIECES, max_size=24))
def test_any_text_is_read_or_refused_in_lines_that_name_the_file(pieces: list[str], tmp_path: Path) -> None:
    path = tmp_path / "x.yaml"
    path.write_text("".join(pieces), encoding="utf-8")
    with pytest.raises(SpecError) as error:
        load_ensemble(path)
    assert all(str(path) in line for line in str(error.value).split("\n"))


def refusal(text: str) -> str:
    with pytest.raises(SpecError) as error:
        parse_yaml_text(text, HERE)
    (line,) = str(error.value).splitlines()
    return line.removeprefix("x.yaml:")


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("a: 1\nb: " + "[" * 9999, f"2: not valid YAML: nested deeper than {MOST_LEVELS} levels"),
        ("a: &a [*a]", "1: not valid YAML: 'a' contains itself"),
        ("a:\n  b: !!int x", "2: not valid YAML: the tag '!!int' has no meaning in a spec: remove it"),
        ("a:\n- 2020-01-45", "2: not valid YAML: '2020-01-45' is no value: day is out of range for month"),
        ('a: 1\nb: "\\ud800"', "2: not valid YAML: an escape stands for no character of a text"),
        ('a: "\\0"', "1: not valid YAML: an escape stands for no character of a text"),
        ("a: 1\na: 2", '2: not valid YAML: found duplicate key "a" with value "2" (original value: "1")'),
        (
            f"a: 0x{'f' * 999}",
            f"1: not valid YAML: '0x{'f' * 38}...' is no value: it has more than 1024 bits",
        ),
    ],
)
def test_what_is_beyond_is_named_with_its_line(text: str, line: str) -> None:
    assert refusal(text) == line


def test_aliases_count_as_what_they_repeat() -> None:
    """Twelve lines that would be ten to the twelfth values."""
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 12)]
    assert refusal("\n".join(lines)).startswith(f"4: not valid YAML: more than {MOST_VALUES} values")
    few = parse_yaml_text("base: &base {size: 64}\ntile: {<<: *base, blend: uniform}", HERE)
    assert few["tile"] == {"size": 64, "blend": "uniform"}


def test_a_file_of_no_bearable_size_or_encoding_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "x.yaml"
    for content, problem in (
        (b"#" * (MOST_BYTES + 1), ": is larger than 256 KiB: name a YAML file"),
        (b"a: 1\nb: \xff", ":2: is not UTF-8 text (byte 8)"),
        (b"a: 1\nb: \0", ":2: not valid YAML: character U+0000 cannot stand in it"),
    ):
        path.write_bytes(content)
        with pytest.raises(SpecError) as error:
            read_yaml_text(path)
        assert str(error.value) == f"{path}{problem}"
    path.write_bytes(b"#" * MOST_BYTES)
    assert len(read_yaml_text(path)) == MOST_BYTES


def test_what_is_no_file_is_not_opened(tmp_path: Path) -> None:
    """A pipe that nobody writes into would be waited for."""
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    for place, kind in ((pipe, "a pipe"), (tmp_path, "a folder"), (Path("/dev/zero"), "a device")):
        with pytest.raises(SpecError, match=f"^{place}: is {kind}: name a YAML file$"):
            read_yaml_text(place)


def test_mistakes_without_end_are_counted(tmp_path: Path) -> None:
    path = tmp_path / "x.yaml"
    path.write_text(f"data: {{}}\nmembers: [{'0,' * 900}]")
    with pytest.raises(SpecError) as error:
        load_ensemble(path)
    *lines, last = str(error.value).splitlines()
    assert len(lines) == 20
    assert last == f"{path}: 880 more mistakes"


def test_a_mistake_in_what_was_merged_names_the_nearest_line(tmp_path: Path) -> None:
    path = tmp_path / "x.yaml"
    path.write_text("data: {}\nmembers:\n- &a {name: a, wieght: 1}\n- {<<: *a, name: b}\n")
    with pytest.raises(SpecError) as error:
        load_ensemble(path)
    assert f"{path}:4: members.1.wieght: unknown key: did you mean 'weight'?" in str(error.value)


def test_a_home_of_nobody_and_an_empty_path_are_mistakes_of_their_line(tmp_path: Path) -> None:
    path = tmp_path / "x.yaml"
    data = "{train: {images: a}, val: {images: ''}, classes: [a, b]}"
    path.write_text(f"data: {data}\nmembers:\n- name: a\n  model: ~nosuchuser/a.onnx\n")
    with pytest.raises(SpecError) as error:
        load_ensemble(path)
    assert f"{path}:4: members.0.model: there is no user of that home folder: '~nosuchuser/a.onnx'" in str(
        error.value
    )
    assert "data.val.images: is empty: name a file or a folder" in str(error.value)


def test_a_section_is_written_beside_keys_that_were_merged(tmp_path: Path) -> None:
    path = tmp_path / "x.yaml"
    path.write_text("base: &base {merge: mean}\n<<: *base\nstopping: exact\nviews: d4\n")
    write_under_key(path, "stopping", {"tolerance": 0.1})
    assert (
        path.read_text() == "base: &base {merge: mean}\n<<: *base\nstopping:\n  tolerance: 0.1\nviews: d4\n"
    )
