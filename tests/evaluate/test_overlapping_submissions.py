"""Votes over and checks of submissions whose classes overlap."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from seg.data.images.images import write_image
from seg.engine.submissions import SubmissionForSpec
from seg.evaluate.validator import check_submission
from seg.evaluate.vote import vote_on_overlapping_maps
from seg.labels.task import pack_masks
from seg.spec import EnsembleSpec, load_ensemble

SIZE = (40, 30)
NAMES = ["a", "b", "c"]


@given(seed=st.integers(0, 99), weights=st.lists(st.sampled_from([1.0, 2.0, 3.0]), min_size=2, max_size=5))
def test_each_class_has_a_vote_of_its_own(seed: int, weights: list[float]) -> None:
    masks = np.random.default_rng(seed).random((len(weights), 3, 4, 5)) > 0.5
    maps = np.stack([pack_masks(of_submission) for of_submission in masks])
    voted = vote_on_overlapping_maps(maps, weights, 3, "lowest")
    share = np.average(masks, axis=0, weights=weights)
    np.testing.assert_array_equal(voted, pack_masks(share > 0.5 + 1e-6))


def test_the_heaviest_decides_a_tie() -> None:
    maps = np.array([[[0]], [[1]], [[1]]], dtype=np.uint8)
    assert vote_on_overlapping_maps(maps, [2, 1, 1], 1)[0, 0] == 0
    assert vote_on_overlapping_maps(maps[::-1], [2, 1, 1], 1)[0, 0] == 1


def overlapping(folder: Path, **output: Any) -> EnsembleSpec:
    for number in range(3):
        noise = np.random.default_rng(number).integers(0, 256, (*SIZE, 3), dtype=np.uint8)
        write_image(folder / f"images/{number}.png", noise)
    spec = {
        "data": {"predict": {"images": "images"}, "task": "multilabel", "classes": NAMES},
        "members": [{"name": "m", "model": "m.onnx"}],
        "output": {"file": "s.csv", **output},
    }
    (folder / "team.yaml").write_text(json.dumps(spec))
    return load_ensemble(folder / "team.yaml")


@pytest.mark.parametrize(
    "output",
    [
        {},
        {"format": "kaggle-per-image"},
        {"columns": ["ImageId", "EncodedPixels", "ClassId"], "classes": [1, 2, 3]},
        {"file": "s", "format": "png"},
        {"file": "s", "format": "class-png"},
        {"file": "s.json", "format": "coco"},
    ],
    ids=str,
)
def test_what_is_written_is_found_right_though_classes_overlap(
    tmp_path: Path, output: dict[str, Any]
) -> None:
    """And though most masks are empty."""
    spec = overlapping(tmp_path, **output)
    masks = np.zeros((3, *SIZE), dtype=np.bool_)
    masks[0, 5:30, 5:20] = True
    masks[1, 10:35, 10:25] = True
    maps = [pack_masks(masks), pack_masks(masks & False), pack_masks(masks & False)]
    known = SubmissionForSpec(spec)
    known.form().write(spec.output.file, [(str(n), labels_hw) for n, labels_hw in enumerate(maps)])
    assert check_submission(spec, spec.output.file) == []
    read = dict(known.form().read(spec.output.file, known.size_of))
    for number, labels_hw in enumerate(maps):
        np.testing.assert_array_equal(read[str(number)], labels_hw)


def test_rows_that_are_all_empty_are_a_finding(tmp_path: Path) -> None:
    spec = overlapping(tmp_path)
    known = SubmissionForSpec(spec)
    empty = np.zeros(SIZE, dtype=np.uint8)
    known.form().write(spec.output.file, [(str(n), empty) for n in range(3)])
    (found,) = check_submission(spec, spec.output.file)
    assert "every mask is empty" in str(found)


def test_overlaps_with_one_class_a_pixel_stay_a_finding(tmp_path: Path) -> None:
    spec = overlapping(tmp_path)
    document = json.loads((tmp_path / "team.yaml").read_text())
    document["data"]["task"] = "multiclass"
    (tmp_path / "team.yaml").write_text(json.dumps(document))
    full = np.full(SIZE, 3, dtype=np.uint8)
    SubmissionForSpec(spec).form().write(spec.output.file, [(str(n), full) for n in range(3)])
    found = check_submission(load_ensemble(tmp_path / "team.yaml"), spec.output.file)
    assert any("have another class already" in str(finding) for finding in found)
