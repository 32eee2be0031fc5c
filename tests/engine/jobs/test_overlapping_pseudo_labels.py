"""Pseudo-labels of classes that overlap: against the ensemble's own masks and probabilities."""

import json
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from seg.commands.app import app
from seg.data import open_split
from seg.data.dataset import open_pseudo_splits
from seg.data.images.images import read_mask, write_image, write_mask
from seg.data.splits.concat_split import ConcatSplit
from seg.data.splits.pseudo_labels import PseudoRecord, PseudoSplit, write_pseudo_mask
from seg.engine import Ensemble
from seg.engine.jobs.pseudo_labels import keep_confident_labels
from seg.errors import DataError
from seg.labels.classes import ClassInfo
from seg.labels.task import ignored_in, masks_of, pack_masks
from seg.spec import load_ensemble
from tests.engine.overlapping_project import CLASSES, NAMES, write_overlapping_project
from tests.engine.tiny_models import MakeModel

CONFIDENCE = 0.6
runner = CliRunner()


def test_pixels_are_labelled_where_every_class_is_sure(tmp_path: Path, make_model: MakeModel) -> None:
    path = write_overlapping_project(tmp_path, make_model)
    asked = ["pseudo-label", str(path), "--images", str(tmp_path / "images"), "-o", str(tmp_path / "guessed")]
    done = runner.invoke(app, [*asked, "--confidence", str(CONFIDENCE)], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    document = json.loads(path.read_text())
    document["data"]["pseudo"] = {"images": "images", "masks": "guessed"}
    path.write_text(json.dumps(document))
    spec, ensemble = load_ensemble(path), Ensemble.load(path)
    (split,) = open_pseudo_splits(spec.data)
    kept = []
    for index, sample in enumerate(split.samples):
        prediction, labels_hw = ensemble.predict(sample.image), split.labels(index)
        ignored_hw = ignored_in(labels_hw, "multilabel", len(NAMES))
        decided_chw, there_chw = prediction.masks, prediction.probabilities
        sure_hw = np.where(decided_chw, there_chw, 1 - there_chw).min(0) - CONFIDENCE
        # Files keep a probability to about 0.004, so pixels nearer to a threshold may go either way.
        is_near_hw = (np.abs(there_chw - np.array([0.4, 0.7, 0.4])[:, None, None]) < 0.01).any(0)
        assert ignored_hw[(sure_hw < -0.01) & ~is_near_hw].all()
        clear_hw = (sure_hw > 0.01) & ~is_near_hw
        assert not ignored_hw[clear_hw].any()
        np.testing.assert_array_equal(
            masks_of(labels_hw, "multilabel", len(NAMES))[:, clear_hw], decided_chw[:, clear_hw]
        )
        kept.append(~ignored_hw)
    share = np.mean(np.concatenate([hw.ravel() for hw in kept]))
    assert 0 < share < 1 and f"{share:.1%}" in done.output
    both = ConcatSplit((open_split(spec.data, "train"), split))
    assert both.labels(len(split.samples)).dtype == split.labels(0).dtype
    with pytest.raises(DataError, match="was guessed for 'task: multilabel'"):
        PseudoSplit(tmp_path / "images", tmp_path / "guessed", CLASSES)


@pytest.mark.parametrize("classes", [1, 7, 8, 16, 40, 63])
def test_maps_of_any_number_of_classes_come_back(classes: int, tmp_path: Path) -> None:
    random = np.random.default_rng(classes)
    masks = random.random((classes, 6, 5)) < 0.5
    there_chw = random.random((classes, 6, 5)).astype(np.float32) * 0.1
    there_chw[masks] = 1 - there_chw[masks]
    there_chw[0, 2, 3] = 0.5
    kept_hw = keep_confident_labels(pack_masks(masks), there_chw, 0.9, "multilabel")
    write_image(tmp_path / "images/a.png", np.zeros((6, 5, 3), np.uint8))
    infos = tuple(ClassInfo(id=n, name=f"c{n}", colour=(n, n, n)) for n in range(classes))
    record = PseudoRecord(
        classes=tuple(c.name for c in infos), confidence=0.9, teacher="t", task="multilabel"
    )
    write_pseudo_mask(tmp_path / "guessed/a.png", kept_hw)
    record.write(tmp_path / "guessed")
    read_hw = PseudoSplit(tmp_path / "images", tmp_path / "guessed", infos, "multilabel").labels(0)
    is_ignored_hw = np.zeros((6, 5), np.bool_)
    is_ignored_hw[2, 3] = True
    np.testing.assert_array_equal(ignored_in(read_hw, "multilabel", classes), is_ignored_hw)
    np.testing.assert_array_equal(masks_of(read_hw, "multilabel", classes), masks & ~is_ignored_hw)


def test_files_that_hold_no_such_map_are_refused(tmp_path: Path) -> None:
    write_image(tmp_path / "images/a.png", np.zeros((6, 5, 3), np.uint8))
    record = PseudoRecord(classes=NAMES, confidence=0.9, teacher="t", task="multilabel")
    mask = tmp_path / "guessed/a.png"
    write_pseudo_mask(mask, np.full((6, 5), 0b100000, np.uint8))
    record.write(tmp_path / "guessed")
    split = PseudoSplit(tmp_path / "images", tmp_path / "guessed", CLASSES, "multilabel")
    with pytest.raises(DataError, match="has label 32, which is no class"):
        split.labels(0)
    assert read_mask(mask).shape == (6, 5)
    many = tuple(ClassInfo(id=n, name=f"c{n}", colour=(n, n, n)) for n in range(9))
    PseudoRecord(classes=tuple(c.name for c in many), confidence=0.9, teacher="t", task="multilabel").write(
        tmp_path / "guessed"
    )
    write_mask(mask, np.zeros((7, 5), np.uint8))
    with pytest.raises(DataError, match="is no label map of 9 classes"):
        PseudoSplit(tmp_path / "images", tmp_path / "guessed", many, "multilabel").labels(0)
