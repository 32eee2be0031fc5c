"""A stacking in the engine: whole images, tiles, fewer members, and what a run remembers of it."""

import json
from pathlib import Path

import numpy as np
import pytest

from seg.engine import Ensemble
from seg.engine.jobs.fingerprint import ensemble_fingerprint
from seg.engine.resolved import resolve_ensemble
from seg.errors import SpecError
from seg.spec import EnsembleSpec, load_ensemble
from seg.spec.ensemble.stacking import LEAST_PROBABILITY
from tests.engine.tiny_models import CLASSES

NAMES = [info.name for info in CLASSES]
IMAGE = np.random.default_rng(0).integers(0, 256, (33, 47, 3), dtype=np.uint8)
MATRICES_MCC = np.random.default_rng(1).normal(0, 0.4, (2, len(NAMES), len(NAMES)))
CONSTANTS_C = np.array([0.5, -0.5, 0, 1])


def stacked(project: Path, **changed: object) -> EnsembleSpec:
    document = json.loads(project.read_text())
    names = [member["name"] for member in document["members"]]
    assert len(names) == len(MATRICES_MCC)
    stacking = {
        "classes": NAMES,
        "constants": CONSTANTS_C.tolist(),
        "matrices": dict(zip(names, MATRICES_MCC.tolist(), strict=True)),
    }
    path = project.with_name("stacked.yaml")
    path.write_text(
        json.dumps(document | {"runtime": "cpu", "views": "d4"} | {"stacking": stacking | changed})
    )
    return load_ensemble(path)


def test_it_corrects_the_mean_by_each_member(project: Path) -> None:
    ensemble = Ensemble.load(stacked(project))
    members = [ensemble.only([member.name]) for member in ensemble.members]
    assert all(one.stacking is None for one in members)
    of_members = np.stack([one.predict(IMAGE).probabilities for one in members]).astype(np.float64)
    weights_m = np.array([member.weight for member in ensemble.members])
    logits_chw = np.log(np.tensordot(weights_m / weights_m.sum(), of_members, 1))
    logits_chw += CONSTANTS_C[:, None, None]
    logits_chw += np.einsum("mck,mkhw->chw", MATRICES_MCC, np.log(np.maximum(of_members, LEAST_PROBABILITY)))
    powers_chw = np.exp(logits_chw)
    found = ensemble.predict(IMAGE)
    np.testing.assert_allclose(found.probabilities, powers_chw / powers_chw.sum(0), atol=1e-5)
    assert (found.labels != Ensemble.load(_without(stacked(project))).predict(IMAGE).labels).any()


def test_tiles_are_corrected_one_by_one(project: Path) -> None:
    """The networks see few pixels around each, so that tiles differ at their rims alone."""
    document = json.loads(project.read_text()) | {"tile": {"size": 64}}
    project.write_text(json.dumps(document))
    spec = stacked(project)
    image = np.random.default_rng(2).integers(0, 256, (150, 130, 3), dtype=np.uint8)
    tiles, whole, without = (
        Ensemble.load(one).predict(image).labels
        for one in (spec, spec.model_copy(update={"tile": None}), _without(spec))
    )
    assert (tiles == whole).mean() > 0.98
    assert (tiles == without).mean() < 0.9


def test_a_run_does_not_continue_with_another(project: Path) -> None:
    spec = stacked(project)
    others = [_without(spec), stacked(project, constants=[0, 0, 0, 1])]
    first, *rest = (ensemble_fingerprint(resolve_ensemble(one)) for one in (spec, *others))
    assert len({first, *rest}) == 3


def test_one_for_other_classes_is_refused_when_models_are_loaded(project: Path) -> None:
    with pytest.raises(SpecError, match="and the models have ground, paper, glass, metal: remove 'stacking'"):
        Ensemble.load(stacked(project, classes=NAMES[::-1]))


def _without(spec: EnsembleSpec) -> EnsembleSpec:
    return spec.model_copy(update={"stacking": None})
