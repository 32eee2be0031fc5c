"""Out-of-fold passes: each training image through the member of each family that holds it out."""

import csv
import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from seg.commands.options.compatibility import check_option_exclusions
from seg.engine import Ensemble
from seg.errors import DataError, SpecError
from seg.evaluate.cache.mixture import Mixture
from seg.evaluate.cache.store import ProbabilityCache
from seg.evaluate.tune import tune_mixture
from seg.evaluate.tune.evidence.fold_advice import advise_folds
from seg.evaluate.tune.evidence.judge_split import judge_tuned_on_split
from seg.evaluate.tune.out_of_fold import find_families, open_out_of_fold
from seg.evaluate.tune.write_spec import write_mixture
from seg.spec import EnsembleSpec, load_ensemble
from seg.spec.ensemble.stacking import Stacking
from tests.engine.tiny_models import MakeModel
from tests.evaluate.conftest import write_labelled_project

FOLDS = (("0", "2", "4"), ("1", "3", "5"))


@pytest.fixture
def project(tmp_path: Path, make_model: MakeModel) -> Path:
    """Two families of two folds; the labels are those of the member `a-0`."""
    path = write_labelled_project(tmp_path, make_model)
    document = json.loads(path.read_text())
    models = [member["model"] for member in document["members"]]
    document["members"] = [
        {"name": f"{name}-{fold}", "model": models[which[fold]], "fold": fold}
        for name, which in (("a", (0, 0)), ("b", (1, 2)))
        for fold in range(2)
    ]
    document |= {"folds": {"count": 2}, "runs": "runs"}
    path.write_text(json.dumps(document))
    for name in ("a", "b"):
        for fold, images in enumerate(FOLDS):
            write_held_out(tmp_path / f"runs/{name}-{fold}", images)
    return path


def write_held_out(run: Path, images: tuple[str, ...]) -> None:
    run.mkdir(parents=True, exist_ok=True)
    with (run / "held_out.csv").open("w", newline="") as file:
        csv.writer(file).writerows([["image"], *([image] for image in images)])


def with_members(path: Path, **changes: Any) -> EnsembleSpec:
    """The spec with changes of its first member."""
    document = json.loads(path.read_text())
    document["members"][0] |= changes
    path.write_text(json.dumps(document))
    return load_ensemble(path)


def test_each_image_is_seen_by_the_members_that_hold_it_out(project: Path, tmp_path: Path) -> None:
    spec = load_ensemble(project)
    passes = open_out_of_fold(spec, ProbabilityCache(tmp_path / "cache"))
    assert passes.names == ("a (2 folds)", "b (2 folds)")
    assert [sample.id for sample in passes.split.samples] == [*FOLDS[0], *FOLDS[1]]
    assert passes.computed == 6 * 2 * 2
    ensemble = Ensemble.load(spec)
    for image, sample in enumerate(passes.split.samples):
        fold = int(sample.id) % 2
        merged_chw = passes.cached_image(image).merged(Mixture.of((0, 1), passes.views))
        alone = ensemble.only([f"b-{fold}"]).predict(sample.image)
        np.testing.assert_allclose(merged_chw, alone.probabilities, atol=0.01)


def test_a_family_is_weighed_as_one_and_written_to_its_members(project: Path, tmp_path: Path) -> None:
    spec, cache = load_ensemble(project), ProbabilityCache(tmp_path / "cache")
    tuned = tune_mixture(spec, cache, on="folds")
    assert tuned.scores["best member"] == pytest.approx(1.0, abs=0.01)
    assert list(tuned.written.weights) == [0.5, 0.5, 0, 0]
    write_mixture(project, spec, tuned.written, tuned.passes.split.classes)
    written = load_ensemble(project)
    assert [member.weight for member in written.members] == [0.5, 0.5, 0, 0]
    assert [member.name for member in Ensemble.load(written).members] == ["a-0", "a-1"]
    assert tune_mixture(written, cache, on="folds").passes.names == ("a (2 folds)", "b (2 folds)")
    judged = judge_tuned_on_split(spec, tuned, "predict", cache)
    assert judged.scores["chosen"].score == pytest.approx(1.0, abs=0.01)


def test_each_member_has_an_equal_part_of_its_family_s_matrix(project: Path, tmp_path: Path) -> None:
    passes = open_out_of_fold(load_ensemble(project), ProbabilityCache(tmp_path / "cache"))
    classes = passes.classes
    of_family = tuple(tuple(float(row - column) for column in range(classes)) for row in range(classes))
    stacking = Stacking((0.5,) * classes, (of_family, ()))
    mixture = replace(Mixture.of((1, 0), passes.views), stacking=stacking)
    written = passes.of_members(mixture).stacking
    assert written is not None
    assert written.constants == stacking.constants
    assert written.matrices[2:] == ((), ())
    np.testing.assert_allclose(written.matrices[0], np.array(of_family) / 2)
    np.testing.assert_allclose(np.sum(written.matrices[:2], axis=0), of_family)


def test_images_that_no_member_of_a_family_holds_out_are_left_out(project: Path, tmp_path: Path) -> None:
    write_held_out(tmp_path / "runs/b-1", ("1",))
    passes = open_out_of_fold(load_ensemble(project), ProbabilityCache(tmp_path / "cache"))
    assert [sample.id for sample in passes.split.samples] == ["0", "2", "4", "1"]


def test_a_member_of_another_recipe_or_another_seed_is_another_family(project: Path) -> None:
    families = find_families(with_members(project, views=["identity"]))
    assert [family.members for family in families] == [(0,), (1, 2), (3,)]


def test_what_is_missing_is_one_line(project: Path, tmp_path: Path) -> None:
    cache = ProbabilityCache(tmp_path / "cache")
    (tmp_path / "runs/a-1/held_out.csv").unlink()
    with pytest.raises(DataError, match="a-1: does not tell which images it held out"):
        open_out_of_fold(load_ensemble(project), cache)
    (tmp_path / "runs/a-1/held_out.csv").write_text("id\n1\n")
    with pytest.raises(DataError, match="not a list of images"):
        open_out_of_fold(load_ensemble(project), cache)
    for fold, images in enumerate(reversed(FOLDS)):
        write_held_out(tmp_path / f"runs/a-{fold}", images[:1])
    write_held_out(tmp_path / "runs/a-0", ())
    write_held_out(tmp_path / "runs/a-1", ())
    with pytest.raises(DataError, match="no training image is held out by a member of each recipe"):
        open_out_of_fold(load_ensemble(project), cache)
    with pytest.raises(SpecError, match="a-0: has no 'fold'"):
        open_out_of_fold(with_members(project, fold=None), cache)
    assert cache.contents_by_model() == []


def test_what_is_fitted_on_judges_nothing() -> None:
    with pytest.raises(SpecError, match="--judge train and --on folds exclude each other"):
        check_option_exclusions("tune", {"--judge train": True, "--on folds": True})
    check_option_exclusions("tune", {"--judge train": True, "--on folds": False})


def test_folds_are_advised_where_the_training_images_have_more_groups(project: Path, tmp_path: Path) -> None:
    document = json.loads(project.read_text())
    for member in document["members"]:
        shutil.copy(member.pop("model"), tmp_path / f"runs/{member['name']}/model.onnx")
    shutil.copytree(tmp_path / "images", tmp_path / "more")
    document["data"]["train"]["images"] = "more"
    document["data"]["group"] = "more/.|images/"
    project.write_text(json.dumps(document))
    spec, cache = load_ensemble(project), ProbabilityCache(tmp_path / "cache")
    tuned = tune_mixture(spec, cache)
    assert advise_folds(spec, tuned.on, tuned.groups) == (
        "more groups: seg tune --on folds fits on the training images: 6 images, each a group of its own"
    )
    assert advise_folds(spec, "folds", tuned.groups) == ""
    whole = with_members(project, fold=None)
    assert "members trained in folds" in advise_folds(whole, tuned.on, tuned.groups)
    document["data"]["group"] = "{image}.png"
    project.write_text(json.dumps(document))
    spec = load_ensemble(project)
    tuned = tune_mixture(spec, cache)
    assert advise_folds(spec, tuned.on, tuned.groups) == ""
