"""`seg evaluate` of a spec, against torchmetrics on the engine's probabilities."""

from pathlib import Path

import pytest
import torch
from torchmetrics.classification import MulticlassCalibrationError, MulticlassJaccardIndex

from seg.data import open_split, read_image
from seg.data.images.images import write_image
from seg.engine import Ensemble
from seg.evaluate.compare import compare_members
from seg.labels.label_map import IGNORE_INDEX
from seg.spec import load_ensemble
from tests.engine.tiny_models import MakeModel
from tests.evaluate.conftest import write_labelled_project


def test_figures_of_the_ensemble_are_those_of_torchmetrics(tmp_path: Path, make_model: MakeModel) -> None:
    spec = load_ensemble(write_labelled_project(tmp_path, make_model))
    ensemble, split = Ensemble.load(spec), open_split(spec.data, "val")
    classes = len(split.classes)
    error = MulticlassCalibrationError(classes, n_bins=15, norm="l1", ignore_index=IGNORE_INDEX)
    iou = MulticlassJaccardIndex(classes, average="macro", ignore_index=IGNORE_INDEX)
    for index, sample in enumerate(split.samples):
        probabilities = torch.from_numpy(ensemble.predict(sample.image).probabilities)[None]
        truth = torch.from_numpy(split.labels(index).astype("int64"))[None]
        error.update(probabilities, truth)
        iou.update(probabilities.argmax(1), truth)
    row = compare_members(spec).rows[-1]
    assert row.viewed.ece == pytest.approx(float(error.compute()), abs=1e-4)
    assert row.viewed.miou == pytest.approx(float(iou.compute()), abs=1e-6)


def test_figures_are_computed_anew_for_other_images_of_the_same_names(
    tmp_path: Path, make_model: MakeModel
) -> None:
    spec = load_ensemble(write_labelled_project(tmp_path, make_model))
    first = compare_members(spec)
    assert compare_members(spec) == first
    image = open_split(spec.data, "val").samples[0].image
    write_image(image, 255 - read_image(image))
    again = compare_members(spec)
    assert again.fingerprint != first.fingerprint
    assert again.rows[-1].plain != first.rows[-1].plain


def test_equal_weights_are_scored_beside_others(tmp_path: Path, make_model: MakeModel) -> None:
    spec = load_ensemble(write_labelled_project(tmp_path, make_model))
    before = compare_members(spec)
    weights = (1.0, 3.0, 2.0)
    members = tuple(
        one.model_copy(update={"weight": weight}) for one, weight in zip(spec.members, weights, strict=True)
    )
    weighted = compare_members(spec.model_copy(update={"members": members}))
    assert [row.name for row in weighted.rows] == ["a", "b", "c", "equal weights", "ensemble"]
    assert [row.viewed.scores for row in weighted.rows[:4]] == [row.viewed.scores for row in before.rows]
    assert weighted.rows[4].viewed.scores != weighted.rows[3].viewed.scores


def test_the_gain_is_over_the_best_member(tmp_path: Path, make_model: MakeModel) -> None:
    """Without views the first member is right everywhere, so that the others cost what they change."""
    spec = load_ensemble(write_labelled_project(tmp_path, make_model))
    comparison = compare_members(spec.model_copy(update={"views": ("identity",)}))
    gain, (best, *_, ensemble) = comparison.gain, [row.viewed for row in comparison.rows]
    assert gain is not None
    assert ensemble.interval is not None
    assert (gain.over, best.miou) == ("a", 1)
    assert gain.gain == pytest.approx(ensemble.miou - 1)
    assert gain.low <= gain.gain <= gain.high < 0
    assert ensemble.interval[0] <= ensemble.miou <= ensemble.interval[1]


def test_another_split_is_scored_and_kept_apart(tmp_path: Path, make_model: MakeModel) -> None:
    spec = load_ensemble(write_labelled_project(tmp_path, make_model))
    val, train = compare_members(spec), compare_members(spec, "train")
    assert train.rows[0].viewed.scores == val.rows[0].viewed.scores
    assert compare_members(spec) == val
    assert {path.name for path in spec.runs.glob("evaluation*")} == {
        "evaluation-val.json",
        "evaluation-train.json",
    }
