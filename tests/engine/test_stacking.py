"""A stacking in the engine: whole images, tiles, fewer members, and what a run remembers of it."""

import json
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import helper

from seg.engine import Ensemble
from seg.engine.jobs.fingerprint import ensemble_fingerprint
from seg.engine.member_files import read_member_files, stacking_fingerprint
from seg.engine.resolved import resolve_ensemble
from seg.errors import SpecError
from seg.image_type import ImageHWB
from seg.labels.label_map import ProbabilitiesCHW
from seg.models.card import CARD_KEY, PrecisionName
from seg.models.model_file import read_model_card
from seg.spec import EnsembleSpec, load_ensemble
from seg.spec.ensemble.stacking import LEAST_PROBABILITY
from seg.views import VIEW_SETS
from tests.engine.tiny_models import CLASSES, MakeModel

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


def test_it_is_of_the_members_that_it_was_fitted_for(project: Path, make_model: MakeModel) -> None:
    document = json.loads(project.read_text())
    document["members"][0]["model"] = str(_in_precision(make_model(1), "fp32"))
    project.write_text(json.dumps(document))
    spec = _with_fingerprint(stacked(project))
    first, second = spec.members
    in_fp16 = first.model_copy(update={"model": _in_precision(spec.model(first), "fp16")})
    for member in (
        first.model_copy(update={"weight": 3.0}),
        first.model_copy(update={"temperature": 1.5}),
        first.model_copy(update={"views": ("identity",)}),
        first.model_copy(update={"class_weights": {NAMES[0]: 2.0}}),
        first.model_copy(update={"model": make_model(9)}),
    ):
        with pytest.raises(SpecError, match="stacking: was changed, or fitted for other"):
            Ensemble.load(spec.model_copy(update={"members": (member, second)}))
    doubled = tuple(
        member.model_copy(update={"weight": 2 * member.weight, "views": VIEW_SETS["d4"][::-1]})
        for member in (second, first)
    )
    expected = Ensemble.load(spec).predict(IMAGE).probabilities
    for members in (doubled, (in_fp16, second)):
        same = Ensemble.load(spec.model_copy(update={"members": members}))
        np.testing.assert_allclose(same.predict(IMAGE).probabilities, expected, atol=1e-5)


def test_functions_are_no_members_that_one_was_fitted_for() -> None:
    def first(batch_nhwc: ImageHWB) -> ProbabilitiesCHW:
        return np.zeros((len(batch_nhwc), 2, *batch_nhwc.shape[1:3]), np.float32)

    stacking = {"classes": ["x", "y"], "constants": [0, 0], "matrices": {"first": [[0, 0], [0, 0]]}}
    assert Ensemble.from_models([first], classes=["x", "y"], stacking=stacking).stacking
    with pytest.raises(SpecError, match="remove 'stacking'"):
        Ensemble.from_models([first], classes=["x", "y"], stacking=stacking | {"fingerprint": "0"})


def _in_precision(model: Path, precision: PrecisionName) -> Path:
    """A file of the same trained weights, whose card says another precision."""
    card = read_model_card(model).model_copy(
        update={"checkpoint_sha256": "of one checkpoint", "precision": precision}
    )
    graph = onnx.load(model)
    helper.set_model_props(graph, {CARD_KEY: card.model_dump_json()})
    onnx.save(graph, model.with_name(f"{precision}.onnx"))
    return model.with_name(f"{precision}.onnx")


def _with_fingerprint(spec: EnsembleSpec) -> EnsembleSpec:
    """As `seg tune` writes it."""
    assert spec.stacking is not None
    fingerprint = stacking_fingerprint(spec.stacking, spec, read_member_files(spec))
    return spec.model_copy(update={"stacking": spec.stacking.model_copy(update={"fingerprint": fingerprint})})


def _without(spec: EnsembleSpec) -> EnsembleSpec:
    return spec.model_copy(update={"stacking": None})
