"""Options that exclude each other: every row of the table, together and each alone."""

import json
from pathlib import Path
from typing import Any

import pytest

from seg.errors import SpecError
from seg.spec import load_ensemble
from seg.spec.ensemble.compatibility import EXCLUSIONS, Exclusion, Use, exclusions_in_spec, refuse_exclusions

OPTIONS: dict[str, dict[str, Any]] = {
    "`merge: geometric` or `vote`": {"merge": "geometric"},
    "`merge: vote`": {"merge": "vote"},
    "`merge_at: decoder`": {"merge_at": "decoder"},
    "`class_weights`": {"members": [{"name": "a", "model": "a.onnx", "class_weights": {"ground": 2}}]},
    "`class_factors`": {"class_factors": {"ground": 2}},
    "`covers`": {
        "members": [
            {"name": "a", "model": "a.onnx"},
            {"name": "b", "model": "b.onnx", "covers": ["ground"]},
        ]
    },
    "`stacking`": {"stacking": {"classes": [], "constants": [], "matrices": {"a": []}}},
    "`stopping`": {"stopping": {"tolerance": 0}},
    "`decision` with regions": {"decision": {"least_area": 10}},
    "`views` with a scale": {"views": ["identity", "scale1.25"]},
    "`runtime: tensorrt-plan`": {"runtime": "tensorrt-plan"},
    "`tile`": {"tile": {"size": 64}},
    "`output.size`": {"output": {"file": "x.csv", "size": 32}},
    "`task: multilabel` or `binary`": {"data": {"predict": {"images": "photos"}, "task": "multilabel"}},
    "`output.format: pixels` or `coco-panoptic`": {"output": {"file": "x", "format": "coco-panoptic"}},
    "`output.values`": {"output": {"file": "x", "format": "png", "values": "positions"}},
}
"""For each option of the table, keys of a spec that have it."""

IN_A_SPEC = [one for one in EXCLUSIONS if not one.uses]
WITH_A_COMMAND = [(one, use) for one in EXCLUSIONS for use in one.uses]


def _name_of(value: Exclusion | Use) -> str:
    return f"{value.one} {value.other}" if isinstance(value, Exclusion) else str(value)


def written(folder: Path, *options: str) -> Path:
    document: dict[str, Any] = {
        "data": {"predict": {"images": "photos"}},
        "members": [{"name": "a", "model": "a.onnx"}],
    }
    for option in options:
        document.update(OPTIONS[option])
    path = folder / "team.yaml"
    path.write_text(json.dumps(document))
    return path


@pytest.mark.parametrize("row", IN_A_SPEC, ids=_name_of)
def test_both_are_refused_and_each_alone_is_not(row: Exclusion, tmp_path: Path) -> None:
    with pytest.raises(SpecError) as caught:
        load_ensemble(written(tmp_path, row.one, row.other))
    assert row.message in str(caught.value)
    for alone in (row.one, row.other):
        load_ensemble(written(tmp_path, alone))


@pytest.mark.parametrize(("row", "use"), WITH_A_COMMAND, ids=_name_of)
def test_a_command_refuses_a_spec_only_in_that_use(row: Exclusion, use: Use, tmp_path: Path) -> None:
    spec = load_ensemble(written(tmp_path, row.other))
    with pytest.raises(SpecError) as caught:
        refuse_exclusions(spec, use)
    assert row.message in str(caught.value)
    assert not exclusions_in_spec(spec)
    refuse_exclusions(load_ensemble(written(tmp_path)), use)


def test_all_are_named_at_once(tmp_path: Path) -> None:
    with pytest.raises(SpecError) as caught:
        load_ensemble(written(tmp_path, "`merge: vote`", "`stopping`", "`tile`", "`output.size`"))
    assert str(caught.value).count("exclude each other") == 2
