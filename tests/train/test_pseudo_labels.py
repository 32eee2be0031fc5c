"""Pseudo-labels: what the ensemble is sure of, written as masks and trained on beside true labels."""

from pathlib import Path

import numpy as np
import pytest
from ruamel.yaml import YAML
from typer.testing import CliRunner

from seg.commands.app import app
from seg.data import open_split
from seg.data.dataset import open_pseudo_splits
from seg.data.images.images import write_mask
from seg.data.splits.concat_split import ConcatSplit
from seg.data.splits.pseudo_labels import PseudoSplit
from seg.engine import Ensemble
from seg.errors import DataError
from seg.labels.label_map import IGNORE_INDEX
from seg.spec import load_ensemble
from seg.train.networks.checkpoint import load_checkpoint
from seg.train.trainer import train_member
from tests.train.conftest import SpecWriter

pytestmark = pytest.mark.slow


def test_guessed_labels_are_those_the_ensemble_is_sure_of(
    exported_toy: Path, toy_data: Path, tmp_path: Path
) -> None:
    images, masks = toy_data / "val", tmp_path / "guessed"
    spec, ensemble = load_ensemble(exported_toy), Ensemble.load(exported_toy)
    confidence = float(np.median(ensemble.predict(images / "0.png").probabilities.max(0)))
    asked = ["pseudo-label", str(exported_toy), "--images", str(images), "-o", str(masks), "--confidence"]
    done = CliRunner().invoke(app, [*asked, str(confidence)], catch_exceptions=False)
    split = PseudoSplit(images, masks, open_split(spec.data, "train").classes)
    kept = []
    for index, sample in enumerate(split.samples):
        found_hw, probabilities_chw = split.labels(index), ensemble.predict(sample.image).probabilities
        sure_hw = probabilities_chw.max(0) - confidence
        # Files keep a probability to about 0.004, so pixels nearer to the threshold may go either way.
        assert (found_hw[sure_hw < -0.01] == IGNORE_INDEX).all()
        np.testing.assert_array_equal(
            found_hw[sure_hw > 0.01], probabilities_chw.argmax(0)[sure_hw > 0.01].astype(np.uint8)
        )
        kept.append(found_hw != IGNORE_INDEX)
    share = np.mean(np.concatenate([hw.ravel() for hw in kept]))
    assert 0 < share < 1
    assert f"{share:.1%}" in done.stdout
    with pytest.raises(DataError, match="was guessed for the classes"):
        PseudoSplit(images, masks, split.classes[:2])
    with pytest.raises(DataError, match=r"pseudo\.json: there is no such file"):
        PseudoSplit(images, tmp_path, split.classes)


def test_guessed_labels_are_the_ensembles_own_decisions(
    exported_toy: Path, toy_data: Path, tmp_path: Path
) -> None:
    """A class that counts a thousand times wins nearly everywhere, though it is hardly ever the likeliest."""
    document = YAML(typ="safe").load(exported_toy)
    images, masks = toy_data / "val", tmp_path / "guessed"
    rare = Ensemble.load(exported_toy).predict(images / "0.png").probabilities.mean((1, 2)).argmin()
    name = Ensemble.load(exported_toy).classes[rare].name
    spec = load_ensemble(exported_toy)
    document["members"] = [{"name": "toy", "model": str(spec.model(spec.members[0]))}]
    document |= {"class_factors": {name: 1000.0}, "runs": str(tmp_path / "runs")}
    path = exported_toy.parent / "raised.yaml"
    YAML(typ="safe").dump(document, path)
    asked = ["pseudo-label", str(path), "--images", str(images), "-o", str(masks), "--confidence", "0.02"]
    assert CliRunner().invoke(app, asked, catch_exceptions=False).exit_code == 0
    ensemble = Ensemble.load(path)
    split = PseudoSplit(images, masks, ensemble.classes)
    differing = 0
    for index, sample in enumerate(split.samples):
        prediction = ensemble.predict(sample.image)
        labels_hw, probabilities_chw = prediction.labels, prediction.probabilities
        own_hw = np.choose(labels_hw, list(probabilities_chw))
        # Files keep a probability this small to about 0.001.
        sure_hw = own_hw > 0.03
        np.testing.assert_array_equal(split.labels(index)[sure_hw], labels_hw[sure_hw])
        assert (split.labels(index)[own_hw < 0.01] == IGNORE_INDEX).all()
        differing += (labels_hw != probabilities_chw.argmax(0))[sure_hw].sum()
    assert differing > 0


def test_guessed_labels_are_trained_on_beside_true_ones(
    exported_toy: Path, toy_data: Path, toy_spec: SpecWriter, tmp_path: Path
) -> None:
    masks = tmp_path / "guessed"
    images = tmp_path / "photos"
    images.mkdir()
    for name in ("0.png", "1.png"):
        (images / name).write_bytes((toy_data / "val" / name).read_bytes())
    asked = ["pseudo-label", str(exported_toy), "--images", str(images), "-o", str(masks)]
    CliRunner().invoke(app, asked, catch_exceptions=False)
    document = YAML(typ="safe").load(toy_spec(tmp_path, epochs=1, batch_size=12))
    document["data"]["pseudo"] = {"images": "photos", "masks": "guessed"}
    path = tmp_path / "spec.yaml"
    YAML(typ="safe").dump(document, path)
    spec = load_ensemble(path)
    result = train_member(spec, spec.members[0])
    assert result.best_epoch == 1
    # A batch of twelve is whole only with the two images that were guessed.
    card = load_checkpoint(spec.checkpoint(spec.members[0]))[1]
    assert card.training is not None
    train = open_split(spec.data, "train")
    assert (
        card.training.dataset_fingerprint == ConcatSplit((train, *open_pseudo_splits(spec.data))).fingerprint
    )
    assert card.training.dataset_fingerprint != train.fingerprint
    write_mask(masks / "0.png", np.full((40, 36), 7, dtype=np.uint8))
    with pytest.raises(DataError, match=r"0\.png: has label 7, which is no class"):
        open_pseudo_splits(spec.data)[0].labels(0)
