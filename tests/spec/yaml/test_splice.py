"""Values set in YAML that people wrote."""

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from ruamel.yaml import YAML

from seg.errors import SpecError
from seg.spec.yaml.splice import set_yaml_values

HAND_WRITTEN = """\
# what we send in
data: {val: images}   # all of it

members:
  # the first is the best
  - {name: fpn, model: "a, {b}.onnx"}  # on one line
  - name: unet   # on several
    views: [identity, hflip]
    weight: 3

  # the last
  -   name: 'de: eplab'
      model: c.onnx

views: hflip
# the end
"""


PRINTABLE = st.characters(exclude_categories=["C", "Z"], include_characters=" ")


def parsed(text: str) -> object:
    return YAML(typ="safe").load(text)


def test_only_what_is_set_changes(tmp_path: Path) -> None:
    path = tmp_path / "a.yaml"
    path.write_text(HAND_WRITTEN)
    set_yaml_values(
        path,
        {
            ("members", 0, "weight"): 0.25,
            ("members", 1, "weight"): 0.5,
            ("members", 1, "views"): ("identity",),
            ("members", 2, "weight"): 1.0,
            ("merge",): "vote",
        },
    )
    expected = (
        HAND_WRITTEN.replace('.onnx"}', '.onnx", weight: 0.25}')
        .replace("weight: 3", "weight: 0.5")
        .replace("[identity, hflip]", "[identity]")
        .replace("model: c.onnx", "model: c.onnx\n      weight: 1")
        .replace("views: hflip\n# the end", "views: hflip\nmerge: vote\n# the end")
    )
    assert path.read_text() == expected


@settings(deadline=None)
@given(
    values=st.lists(st.dictionaries(st.sampled_from("abcd"), st.integers(0, 9), min_size=1), min_size=1),
    flow=st.booleans(),
    position=st.integers(0, 9),
    key=st.sampled_from("abcdef"),
    value=st.integers(10, 99),
)
def test_any_file_says_afterwards_what_was_set(
    tmp_path_factory: pytest.TempPathFactory,
    values: list[dict[str, int]],
    flow: bool,
    position: int,
    key: str,
    value: int,
) -> None:
    path = tmp_path_factory.mktemp("yaml") / "a.yaml"
    yaml = YAML(typ="safe", pure=True)
    yaml.default_flow_style = flow
    yaml.dump({"list": values, "z": 1}, path)
    position %= len(values)
    set_yaml_values(path, {("list", position, key): value})
    values[position][key] = value
    assert parsed(path.read_text()) == {"list": values, "z": 1}


@settings(deadline=None)
@given(
    factors=st.dictionaries(st.text(PRINTABLE, min_size=1, max_size=12), st.integers(1, 99)),
    old=st.sampled_from(["", "factors: {}\n", "factors: {a: 1}\n", "factors:\n  a: 1\n  b: 2\n"]),
)
def test_a_mapping_is_set_whole_whatever_its_names(
    tmp_path_factory: pytest.TempPathFactory, factors: dict[str, int], old: str
) -> None:
    path = tmp_path_factory.mktemp("yaml") / "a.yaml"
    path.write_text(f"first: 1\n{old}last: 2\n")
    set_yaml_values(path, {("factors",): factors})
    assert parsed(path.read_text()) == {"first": 1, "factors": factors, "last": 2}


def test_a_file_without_an_end_of_line(tmp_path: Path) -> None:
    path = tmp_path / "a.yaml"
    path.write_text("members:\n- name: a")
    set_yaml_values(path, {("members", 0, "weight"): 2.0, ("merge",): "mean"})
    assert parsed(path.read_text()) == {"members": [{"name": "a", "weight": 2}], "merge": "mean"}


def test_no_yaml_is_one_line(tmp_path: Path) -> None:
    path = tmp_path / "a.yaml"
    path.write_text("a: [")
    with pytest.raises(SpecError, match=r"a\.yaml:\d+: not valid YAML"):
        set_yaml_values(path, {("a",): 1.0})
