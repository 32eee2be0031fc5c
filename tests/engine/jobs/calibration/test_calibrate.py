"""`seg calibrate` as a whole: what it writes is taken by the next run, and only for the same ensemble."""

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from seg.data import read_image
from seg.data.images.images import write_image
from seg.engine import Ensemble
from seg.engine.early_exit.rules import CalibratedRule, RecordedMargins, new_stopping_rule
from seg.engine.early_exit.traces import AnyTrace, PassTrace, estimate_risk
from seg.engine.jobs.calibration.calibrate import calibrate_ensemble
from seg.engine.jobs.calibration.cross_validate import cross_validate_calibration
from seg.engine.jobs.predict import run_ensemble
from seg.errors import SpecError
from seg.spec import load_ensemble
from seg.spec.dataset.groups import GroupSpec
from seg.spec.yaml.edit import write_under_key
from tests.engine.tiny_models import IMAGES


def calibrate(path: Path, tolerance: float) -> Sequence[AnyTrace]:
    calibration, traces = calibrate_ensemble(load_ensemble(path))
    write_under_key(path, "stopping", {"tolerance": tolerance, "calibration": calibration.model_dump()})
    return traces


def test_the_next_run_stops_by_it(project: Path) -> None:
    traces = calibrate(project, 0.2)
    assert len(traces) == IMAGES
    spec = load_ensemble(project)
    assert spec.stopping
    assert spec.stopping.calibration
    assert spec.stopping.calibration.images == IMAGES
    summary = run_ensemble(spec)
    assert summary.passes < summary.planned


def test_a_trace_tells_what_the_passes_said(project: Path) -> None:
    """Against members run one by one: the share of labels that the first view of each has otherwise."""
    calibration, found = calibrate_ensemble(load_ensemble(project))
    traces = [trace for trace in found if isinstance(trace, PassTrace)]
    assert len(traces) == IMAGES
    assert sorted(calibration.order) == list(range(16))
    ensemble = Ensemble.load(load_ensemble(project))
    pass_order = ensemble.passes_in_order(calibration.order)
    views = {"ab"[planned.member]: (planned.view.name,) for planned in pass_order[:2]}
    first = replace(ensemble, members=tuple(replace(m, views=views[m.name]) for m in ensemble.members))
    images = [read_image(project.parent / f"images/{number}.png") for number in range(IMAGES)]
    expected = [np.mean(first.predict(image).labels != ensemble.predict(image).labels) for image in images]
    assert sorted(trace.losses[0] for trace in traces) == pytest.approx(sorted(expected))
    assert {trace.passes for trace in traces} == {16}
    assert {trace.checkpoints for trace in traces} == {tuple(range(2, 16, 2))}


def test_images_to_be_predicted_are_drawn_at_random(project: Path) -> None:
    folder = project.parent / "others"
    random = np.random.default_rng(1)
    for number in range(9):
        write_image(folder / f"{number}.png", random.integers(0, 256, (9, 9, 3), dtype=np.uint8))
    document = json.loads(project.read_text())
    document["data"]["predict"] = {"images": "others"}
    project.write_text(json.dumps(document))
    spec = load_ensemble(project)
    calibration, traces = calibrate_ensemble(spec, "predict", count=4)
    assert calibration.images == len(traces) == 4
    assert calibration == calibrate_ensemble(spec, "predict", count=4)[0]
    assert calibration != calibrate_ensemble(spec, "val", count=4)[0]
    with pytest.raises(SpecError, match="10 images are requested, but there are only 9"):
        calibrate_ensemble(spec, "predict", count=10)


def test_another_ensemble_refuses_it(project: Path) -> None:
    calibrate(project, 0.2)
    project.write_text(project.read_text().replace("d4", "hflip"))
    with pytest.raises(SpecError, match="seg calibrate"):
        run_ensemble(load_ensemble(project))


def test_an_order_without_rounds_is_refused(project: Path) -> None:
    """Member by member, it would never stop, and not say so."""
    calibration, _ = calibrate_ensemble(load_ensemble(project))
    by_member = calibration.model_copy(update={"order": tuple(range(16))})
    write_under_key(project, "stopping", {"tolerance": 0.2, "calibration": by_member.model_dump()})
    with pytest.raises(SpecError, match="not in rounds: run `seg calibrate` again"):
        run_ensemble(load_ensemble(project))


def test_a_merge_that_cannot_stop_is_refused(project: Path) -> None:
    project.write_text(json.dumps(json.loads(project.read_text()) | {"merge": "vote"}))
    with pytest.raises(SpecError, match="'vote' and 'stopping' exclude each other"):
        calibrate_ensemble(load_ensemble(project))


def test_each_image_is_judged_by_the_others() -> None:
    """By hand: of two images, one that may stop early says so of the other."""
    easy = PassTrace(2, (1,), (RecordedMargins(0.9, 0.001),), (0.0,))
    hard = PassTrace(2, (1,), (RecordedMargins(0.9, 0.001),), (0.6,))
    (outcome,) = cross_validate_calibration([easy, hard], [0.45])
    # 1 * risk + 0.9 <= 2 * 0.45 holds when the known image is the easy one: then the hard one is stopped.
    assert outcome.saved == 0.25
    assert outcome.changed == 0.3
    assert outcome.worst == 0.6
    assert outcome.saved_in_worst_case == 0.0


def test_images_of_a_group_count_as_one() -> None:
    """By hand: the group of two easy images says as much of the hard one as one of them would."""
    easy = PassTrace(2, (1,), (RecordedMargins(0.9, 0.001),), (0.0,), "a")
    hard = PassTrace(2, (1,), (RecordedMargins(0.9, 0.001),), (0.6,), "b")
    assert estimate_risk([easy, easy, easy, hard]) == estimate_risk([easy, hard])
    (outcome,) = cross_validate_calibration([easy, easy, easy, hard], [0.45])
    assert outcome.saved == 0.125
    assert outcome.changed == pytest.approx(0.15)
    with pytest.raises(ValueError, match="two groups, got 1"):
        cross_validate_calibration([easy, easy], [0.45])


def test_a_calibration_counts_groups_of_validation_but_images_to_predict(project: Path) -> None:
    spec = load_ensemble(project)
    data = spec.data.model_copy(update={"group": GroupSpec(pattern="png$")})
    one = spec.model_copy(update={"data": data})
    known, traces = calibrate_ensemble(one)
    assert (known.images, known.groups) == (IMAGES, 1)
    assert {trace.group for trace in traces} == {"png"}
    assert calibrate_ensemble(one, "predict")[0].groups == IMAGES
    written = {"tolerance": 0.2, "calibration": known.model_dump()}
    write_under_key(project, "stopping", written)
    stopping = load_ensemble(project).stopping
    assert stopping
    rule = new_stopping_rule(stopping)
    assert isinstance(rule, CalibratedRule)
    assert rule.units == 1


def test_what_others_say_is_what_a_calibration_on_them_says() -> None:
    random = np.random.default_rng(0)
    traces = [
        PassTrace(
            4,
            (1, 2, 3),
            tuple(RecordedMargins(0.2, d) for d in random.random(3)),
            tuple(random.random(3) / 9),
        )
        for _ in range(12)
    ]
    for outcome in cross_validate_calibration(traces, [0.05, 0.08]):
        ends = []
        for number, trace in enumerate(traces):
            known = traces[:number] + traces[number + 1 :]
            ends.append(trace.replay(CalibratedRule(outcome.tolerance, 11, estimate_risk(known))))
        assert outcome.changed == pytest.approx(np.mean([loss for _, loss in ends]))
        assert outcome.saved == pytest.approx(np.mean([1 - passes / 4 for passes, _ in ends]))
        assert 0 < outcome.saved < 0.75


def test_one_image_has_no_others() -> None:
    with pytest.raises(ValueError, match="two groups"):
        cross_validate_calibration([PassTrace(1, (), (), ())])
