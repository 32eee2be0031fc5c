"""What is evaluated of an ensemble that merges where decoders end, against the engine's own answers."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import cv2
import numpy as np
import pytest
import torch

from seg.data import open_split
from seg.data.images.images import read_image, write_image, write_mask
from seg.engine import Ensemble
from seg.engine.jobs.fingerprint import ensemble_fingerprint
from seg.engine.jobs.soft_labels import make_soft_labels
from seg.engine.merging.decision import Decision
from seg.engine.resolved import resolve_ensemble
from seg.evaluate.cache.store import ProbabilityCache
from seg.evaluate.compare import compare_members
from seg.evaluate.metrics.confusion import ConfusionMatrix
from seg.evaluate.report.findings import measure_ensemble
from seg.evaluate.report.image_view import view_image
from seg.evaluate.tune import tune_mixture
from seg.evaluate.tune.whole_maps import WholeMaps
from seg.evaluate.tune.write_spec import write_mixture
from seg.export.export import export_checkpoint
from seg.labels.probability_codec import probabilities_from_levels
from seg.labels.soft_labels import SoftLabels
from seg.spec import EnsembleSpec, load_ensemble
from seg.train.networks.checkpoint import load_checkpoint, save_checkpoint
from tests.evaluate.conftest import counted
from tests.export.untrained import CLASSES, checkpoint, image

pytestmark = pytest.mark.slow

IMAGES: Final = 4
SURE: Final = 12.0
"""What untrained logits are multiplied with, so that it matters where they are merged."""

TILE: Final = {"size": "64x64", "overlap": 0.5}
ROUNDED: Final = 0.008
"""Cached probabilities are off by 0.004 at most: a class that leads by more than twice that stays ahead."""


Models = dict[str, Path]


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Models:
    """Networks that predict at a quarter and at the size of the image, sure of themselves."""
    found = {}
    for architecture in ("fpn", "unet"):
        folder = tmp_path_factory.mktemp(architecture)
        path = checkpoint(folder, architecture, encoder="resnet18")
        network, card = load_checkpoint(path)
        head = next(network.get_submodule("segmentation_head").parameters())
        with torch.no_grad():
            head.mul_(SURE)
        save_checkpoint(path, network, card)
        export_checkpoint(path, folder / "model.onnx", [image(70, 100)])
        found[architecture] = folder / "model.onnx"
    return found


def photo(seed: int) -> np.ndarray[Any, np.dtype[np.uint8]]:
    """Something with large shapes, of a size that has to be padded."""
    width, height = 90 + 7 * seed, 70 + 3 * seed
    return cv2.resize(image(6, 8, seed), (width, height), interpolation=cv2.INTER_CUBIC).astype(np.uint8)


def project(folder: Path, models: Models, **said: Any) -> Path:
    """Photos labelled by an ensemble that counts all classes as likely; returns the spec."""
    names = [c.name for c in CLASSES]
    for number in range(IMAGES):
        write_image(folder / f"images/{number}.png", photo(number))
        write_mask(folder / f"masks/{number}.png", np.zeros(photo(number).shape[:2], dtype=np.uint8))
    spec = {
        "data": {
            "train": {"images": "images", "masks": "masks"},
            "val": {"images": "images", "masks": "masks"},
            "classes": names,
        },
        "members": [
            {"name": "fpn", "model": str(models["fpn"]), "temperature": 1.5},
            {"name": "unet", "model": str(models["unet"]), "weight": 2, "class_weights": {names[0]: 0.5}},
        ],
        "views": "hflip",
        "runtime": "cpu",
        "merge_at": "decoder",
    }
    path = folder / "spec.yaml"
    path.write_text(json.dumps(spec | said))
    fpn = Ensemble.load(path).only(["fpn"]).with_views(("identity",))
    means = np.mean([fpn.predict(photo(n)).probabilities.mean((1, 2)) for n in range(IMAGES)], axis=0)
    factors = {name: float(np.clip(0.3 / mean, 0.1, 10)) for name, mean in zip(names, means, strict=True)}
    path.write_text(json.dumps(spec | {"class_factors": factors} | said))
    ensemble = Ensemble.load(path)
    for number in range(IMAGES):
        write_mask(folder / f"masks/{number}.png", ensemble.predict(photo(number)).labels)
    return path


def at_image(spec: EnsembleSpec) -> EnsembleSpec:
    return spec.model_copy(update={"merge_at": "image"})


def miou_of(spec: EnsembleSpec) -> float:
    """mIoU of the engine's labels."""
    split, ensemble = open_split(spec.data, "val"), Ensemble.load(spec)
    matrix = ConfusionMatrix(len(CLASSES))
    for index, sample in enumerate(split.samples):
        matrix.add(split.labels(index), ensemble.predict(sample.image).labels)
    return matrix.scores(split.classes).miou


@pytest.mark.parametrize("said", [{}, {"tile": TILE}], ids=["whole", "tiles"])
def test_the_report_shows_the_engine_s_labels(said: dict[str, Any], models: Models, tmp_path: Path) -> None:
    spec = load_ensemble(project(tmp_path, models, **said))
    findings = measure_ensemble(spec, ProbabilityCache(tmp_path / "cache"))
    engine, elsewhere = Ensemble.load(spec), Ensemble.load(at_image(spec))
    whole = findings.predictors.ensemble
    far_from_the_other = 0.0
    for index, sample in enumerate(findings.passes.split.samples):
        look = view_image(findings.passes, findings.predictors, index, findings.predictors.mixtures)
        expected = engine.predict(sample.image)
        off_hw = np.abs(look.probabilities_chw - expected.probabilities).max(0)
        assert off_hw.max() < ROUNDED
        differs_hw = look.ensemble_hw != expected.labels
        leads_hw = engine.decision().margins(expected.probabilities)
        assert (leads_hw[differs_hw] <= ROUNDED).all()
        plain = engine.with_views(("identity",)).predict(sample.image)
        differs_hw = look.labels[whole.plain] != plain.labels
        assert (engine.decision().margins(plain.probabilities)[differs_hw] <= ROUNDED).all()
        other = elsewhere.predict(sample.image)
        far_from_the_other = max(
            far_from_the_other, float(np.abs(other.probabilities - expected.probabilities).max())
        )
    assert far_from_the_other > 0.05, "what is not to be shown is hardly another answer"
    assert findings.scores.metrics.miou > 0.97


def test_members_alone_are_the_engine_s_too(models: Models, tmp_path: Path) -> None:
    spec = load_ensemble(project(tmp_path, models))
    findings = measure_ensemble(spec, ProbabilityCache(tmp_path / "cache"))
    engine = Ensemble.load(spec)
    for index, sample in enumerate(findings.passes.split.samples):
        look = view_image(findings.passes, findings.predictors, index, findings.predictors.mixtures)
        for member, labels_hw in zip(findings.predictors.members, look.members, strict=True):
            (one,) = engine.only([member.name]).members
            alone = Ensemble((one,), 1).predict(sample.image)
            assert (Decision().margins(alone.probabilities)[labels_hw != alone.labels] <= ROUNDED).all()


def test_an_ensemble_of_one_has_its_temperature_and_factors(models: Models, tmp_path: Path) -> None:
    document = json.loads(project(tmp_path, models).read_text())
    document["members"] = document["members"][:1]
    (tmp_path / "spec.yaml").write_text(json.dumps(document))
    spec = load_ensemble(tmp_path / "spec.yaml")
    findings = measure_ensemble(spec, ProbabilityCache(tmp_path / "cache"))
    engine = Ensemble.load(spec)
    for index, sample in enumerate(findings.passes.split.samples):
        look = view_image(findings.passes, findings.predictors, index, findings.predictors.mixtures)
        expected = engine.predict(sample.image)
        np.testing.assert_allclose(look.probabilities_chw, expected.probabilities, atol=ROUNDED)
        differs_hw = look.ensemble_hw != expected.labels
        assert (engine.decision().margins(expected.probabilities)[differs_hw] <= ROUNDED).all()


@pytest.mark.parametrize("said", [{}, {"tile": TILE}], ids=["whole", "tiles"])
def test_what_tuning_judges_is_what_the_written_spec_predicts(
    said: dict[str, Any], models: Models, tmp_path: Path
) -> None:
    path = project(tmp_path, models, **said)
    spec, cache = load_ensemble(path), ProbabilityCache(tmp_path / "cache")
    tuned = tune_mixture(spec, cache)
    assert tuned.passes.computed == IMAGES * 4
    assert tune_mixture(spec, cache).passes.computed == 0
    classes = tuned.passes.split.classes
    equal = tuned.candidates["equal weights"].mixture
    factored = replace(equal, factors=tuple(1 + 0.5 * (label == 1) for label in range(len(classes))))
    for mixture in (equal, factored, tuned.chosen):
        written = tmp_path / "written.yaml"
        written.write_text(path.read_text())
        write_mixture(written, spec, mixture, classes)
        assert load_ensemble(written).merge_at == "decoder"
        whole_maps = WholeMaps(tuned.passes, counted("miou", len(classes)), tuple(range(IMAGES)))
        (judged,) = whole_maps.judge([[mixture] * IMAGES])
        assert judged.score == pytest.approx(miou_of(load_ensemble(written)), abs=0.01)


def test_passes_of_another_place_or_other_tiles_are_others(models: Models, tmp_path: Path) -> None:
    spec, cache = load_ensemble(project(tmp_path, models)), ProbabilityCache(tmp_path / "cache")
    tiled = load_ensemble(project(tmp_path, models, tile=TILE))
    for one in (spec, at_image(spec), tiled, at_image(tiled)):
        assert tune_mixture(one, cache).passes.computed == IMAGES * 4
        assert tune_mixture(one, cache).passes.computed == 0
    names = [content.name for content in cache.contents_by_model()]
    assert len(names) == 8
    assert sum("-decoder" in name for name in names) == sum("64x64" in name for name in names) == 4


def test_evaluation_is_the_engine_s_and_knows_the_tiles(models: Models, tmp_path: Path) -> None:
    spec = load_ensemble(project(tmp_path, models))
    assert compare_members(spec).rows[-1].viewed.miou == pytest.approx(1)
    assert compare_members(at_image(spec)).rows[-1].viewed.miou == pytest.approx(miou_of(at_image(spec)))
    document = json.loads((tmp_path / "spec.yaml").read_text()) | {"tile": TILE}
    (tmp_path / "spec.yaml").write_text(json.dumps(document))
    tiled = load_ensemble(tmp_path / "spec.yaml")
    assert compare_members(tiled).rows[-1].viewed.miou == pytest.approx(miou_of(tiled))
    assert miou_of(tiled) < 1


def test_what_a_student_learns_is_what_the_ensemble_says(models: Models, tmp_path: Path) -> None:
    """And what is kept for pseudo-labels."""
    spec = load_ensemble(project(tmp_path, models))
    split = open_split(spec.data, "train")
    kept = SoftLabels.of_teacher(tmp_path / "runs", ensemble_fingerprint(resolve_ensemble(spec)))
    make_soft_labels(spec, split.samples, kept)
    for sample in split.samples:
        found = probabilities_from_levels(kept.read(sample.image).transpose(2, 0, 1))
        expected = Ensemble.load(spec).predict(read_image(sample.image)).probabilities
        np.testing.assert_allclose(found, expected, atol=0.01)
