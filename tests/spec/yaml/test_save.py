"""A spec written as YAML is read back as the same spec, wherever the YAML lies."""

import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any, get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from ruamel.yaml import YAML

from seg.spec import DatasetSpec, EnsembleSpec, load_ensemble
from seg.spec.ensemble.from_models import spec_from_models
from seg.spec.ensemble.output import Format
from seg.spec.yaml.save import save_spec
from seg.views import VIEW_NAMES, VIEW_SETS

ROOT = Path(__file__).resolve().parents[3]

WORDS = st.text(
    st.characters(exclude_categories=["Cs", "Cc"], exclude_characters="/\ufeff\ufffe\uffff\u2028\u2029"),
    min_size=1,
    max_size=12,
).filter(lambda word: word.strip(".") != "")
ODD = st.sampled_from(
    ["~me", "~", "yes", "null", "1e3", "- x", "a: b", "#1", "*.png", "{x}", " a ", "'", '"', "&a"]
)
NAMES = st.one_of(WORDS, ODD)
WEIGHTS = st.floats(1e-9, 1e9)


def saved(spec: EnsembleSpec, path: Path) -> EnsembleSpec:
    save_spec(spec, path)
    return load_ensemble(path)


@st.composite
def specs(draw: Callable[[st.SearchStrategy[Any]], Any]) -> EnsembleSpec:
    """Of models in any folders, with what a YAML can say of prediction."""
    models = [
        Path("/", *parts, "m.onnx")
        for parts in draw(st.lists(st.lists(NAMES, max_size=3), min_size=1, max_size=3))
    ]
    classes = draw(st.lists(NAMES, min_size=2, max_size=4, unique=True))
    data = {
        "predict": {"images": Path("/", *draw(st.lists(NAMES, min_size=1, max_size=3)))},
        "classes": classes,
    }
    options: dict[str, Any] = {
        "views": draw(
            st.one_of(
                st.sampled_from(list(VIEW_SETS)),
                st.lists(st.sampled_from(VIEW_NAMES), min_size=1, unique=True),
            )
        ),
        "output": {"file": Path("/", draw(NAMES)), "format": draw(st.sampled_from(get_args(Format)))},
        "class_factors": {name: draw(WEIGHTS) for name in classes[:2]},
        "merge": draw(st.sampled_from(["mean", "geometric", "vote"])),
    }
    chosen = draw(st.sets(st.sampled_from(list(options))))
    weights = draw(st.none() | st.lists(WEIGHTS, min_size=len(models), max_size=len(models)))
    return spec_from_models(
        models,
        weights=weights,
        data=DatasetSpec.model_validate(data),
        **{key: value for key, value in options.items() if key in chosen},
    )


@settings(max_examples=50, deadline=None)
@given(spec=specs(), folder=st.lists(NAMES, max_size=2))
def test_any_spec_of_models_is_read_back(
    spec: EnsembleSpec, folder: list[str], tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = tmp_path_factory.mktemp("specs").joinpath(*folder, "x.yaml")
    assert saved(spec, path) == spec


@pytest.mark.parametrize("name", ["top5", "camvid", "camvid-d4"])
def test_shipped_specs_are_read_back(name: str, tmp_path: Path) -> None:
    """And what was not said is not said: it decides, for example, whether a precision was asked for."""
    copy = tmp_path / "ensembles/x.yaml"
    copy.parent.mkdir()
    shutil.copy(ROOT / f"ensembles/{name}.yaml", copy)
    spec = load_ensemble(copy)
    read = saved(spec, copy.with_name("y.yaml"))
    assert read == spec
    assert read.model_dump(exclude_unset=True) == spec.model_dump(exclude_unset=True)


def test_it_moves_with_what_it_names(tmp_path: Path) -> None:
    models = [tmp_path / "one/a.onnx", tmp_path / "one/runs/b/model.onnx"]
    save_spec(spec_from_models(models, weights=[2, 1], views="d4"), tmp_path / "one/specs/x.yaml")
    written = YAML(typ="safe").load(tmp_path / "one/specs/x.yaml")
    assert [member["model"] for member in written["members"]] == ["../a.onnx", "../runs/b/model.onnx"]
    assert written["views"] == "d4"
    (tmp_path / "one").rename(tmp_path / "two")
    moved = load_ensemble(tmp_path / "two/specs/x.yaml")
    assert [os.path.relpath(member.model or "", tmp_path) for member in moved.members] == [
        "two/a.onnx",
        "two/runs/b/model.onnx",
    ]


def test_weights_of_an_encoder_are_relative(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text(
        "data: {train: {images: i}, val: {images: i}, classes: [a, b]}\n"
        "members: [{name: m, encoder_weights: w/enc.safetensors}, {name: n, encoder_weights: imagenet}]\n"
    )
    save_spec(load_ensemble(tmp_path / "a.yaml"), tmp_path / "b.yaml")
    written = YAML(typ="safe").load(tmp_path / "b.yaml")
    assert [member["encoder_weights"] for member in written["members"]] == ["w/enc.safetensors", "imagenet"]
