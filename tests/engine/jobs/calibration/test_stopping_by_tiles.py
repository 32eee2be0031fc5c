"""Early exit of tiles, against tiles whose passes are run and blended one by one."""

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from seg.data import read_image
from seg.data.images.images import write_image
from seg.engine import Ensemble
from seg.engine.early_exit.rounds import tile_checkpoints
from seg.engine.early_exit.rules import SAMPLE_STEP, SPREAD, CalibratedRule, TileMargins, new_stopping_rule
from seg.engine.early_exit.traces import MEASURED_LEVELS, TiledPassTrace, estimate_risk, risks_by_group
from seg.engine.jobs.calibration.calibrate import calibrate_ensemble
from seg.engine.jobs.calibration.cross_validate import cross_validate_calibration
from seg.engine.jobs.calibration.trace_tiles import trace_tiles
from seg.engine.jobs.predict import run_ensemble
from seg.engine.jobs.stopping import build_stopping
from seg.engine.passes.tiles import lay_out_tiles
from seg.engine.pipeline.timing import Clock
from seg.errors import SpecError
from seg.labels.label_map import ImageHWC, LabelsHW
from seg.spec import EnsembleSpec, load_ensemble
from seg.spec.ensemble.prediction import DOUBT_LEVELS, CalibrationSpec, StoppingSpec
from seg.spec.yaml.edit import write_under_key

ORDER = tuple(number // 2 + 8 * (number % 2) for number in range(16))
"""The eight views of one member and of the other in turn: eight rounds."""


@pytest.fixture
def tiled(project: Path) -> Path:
    """The project in tiles, with images that are calm on one side and wild on the other; returns the spec."""
    rng = np.random.default_rng(5)
    for number in range(3):
        image_hwc = np.full((70, 90, 3), (200, 90, 30), dtype=np.uint8)
        image_hwc[:, 40 + 9 * number :] = rng.integers(0, 256, (70, 50 - 9 * number, 3))
        write_image(project.parent / f"tiled/{number}.png", image_hwc)
    change(project, tile={"size": 32, "overlap": 0.3})
    document = json.loads(project.read_text())
    document["data"] |= {"val": {"images": "tiled"}, "predict": {"images": "tiled"}}
    project.write_text(json.dumps(document))
    return project


def change(path: Path, **keys: Any) -> EnsembleSpec:
    path.write_text(json.dumps(json.loads(path.read_text()) | keys))
    return load_ensemble(path)


def images_of(path: Path) -> list[ImageHWC]:
    return [read_image(path.parent / f"tiled/{number}.png") for number in range(3)]


def stopped_at(level: int) -> StoppingSpec:
    """A calibration by which tiles stop at this level of doubt."""
    risk = [0.0] * (level + 1) + [1.0] * (len(DOUBT_LEVELS) - level - 1)
    calibration = CalibrationSpec(images=3, tiles=1000, order=ORDER, risk=tuple(risk), fingerprint="")
    return StoppingSpec(tolerance=0.01, calibration=calibration)


def run(ensemble: Ensemble, image_hwc: ImageHWC, stopping: StoppingSpec | None) -> tuple[LabelsHW, int]:
    """The labels of an image, and the passes they took."""
    clock = Clock()
    (labels_hw,) = ensemble.label_all(
        [(0, image_hwc)],
        lambda _, labels_hw: labels_hw,
        stopping=build_stopping(stopping, ensemble),
        clock=clock,
    )
    return labels_hw, clock.passes


def by_hand(ensemble: Ensemble, image_hwc: ImageHWC, level: int) -> tuple[LabelsHW, int]:
    """The same, tile by tile and pass by pass."""
    pass_order = ensemble.passes_in_order(ORDER)
    layout = lay_out_tiles(image_hwc.shape[:2], ensemble.tile)
    blended_chw = np.zeros((4, *image_hwc.shape[:2]))
    passes = 0
    for number, tile_hwc in enumerate(layout.cut(image_hwc)):
        sum_chw: NDArray[np.float64] = np.zeros((4, *tile_hwc.shape[:2]))
        added = 0.0
        for taken, planned in enumerate(pass_order, start=1):
            view_hwc = np.ascontiguousarray(planned.view.apply(tile_hwc))
            probabilities_chw = ensemble.members[planned.member].runtime.run(view_hwc[None])[0]
            sum_chw += planned.share * planned.view.restore_all(probabilities_chw, tile_hwc.shape[:2])
            added += planned.share
            passes += 1
            first, second = np.sort(sum_chw[:, ::SAMPLE_STEP, ::SAMPLE_STEP] / added, axis=0)[[-1, -2]]
            bound = SPREAD * math.sqrt(max(1 - added, 0) / added)
            is_checkpoint = taken == 1 or taken % 2 == 0
            if is_checkpoint and (first - second <= bound).mean() <= DOUBT_LEVELS[level]:
                break
        row, column = divmod(number, len(layout.columns.starts))
        top, left = layout.rows.starts[row], layout.columns.starts[column]
        weights_hw = np.outer(layout.rows.weights[row], layout.columns.weights[column])
        blended_chw[:, top : top + 32, left : left + 32] += weights_hw * sum_chw / added
    return blended_chw.argmax(0).astype(np.uint8), passes


@pytest.mark.parametrize("level", [6, 15, 21])
def test_each_tile_stops_where_its_doubt_has_fallen(tiled: Path, level: int) -> None:
    ensemble = Ensemble.load(load_ensemble(tiled))
    counts = []
    for image_hwc in images_of(tiled):
        labels_hw, passes = run(ensemble, image_hwc, stopped_at(level))
        expected_hw, expected = by_hand(ensemble, image_hwc, level)
        assert passes == expected
        np.testing.assert_array_equal(labels_hw, expected_hw)
        counts.append(passes)
    everything = 3 * 16 * lay_out_tiles((70, 90), ensemble.tile).count
    assert sum(counts) < everything


def test_a_trace_tells_what_a_run_that_stops_at_each_level_gives(tiled: Path) -> None:
    ensemble = Ensemble.load(load_ensemble(tiled))
    images = images_of(tiled)
    traces = list(trace_tiles(ensemble, images, ensemble.passes_in_order(ORDER)))
    losses = []
    for image_hwc, trace in zip(images, traces, strict=True):
        final_hw, all_passes = run(ensemble, image_hwc, None)
        assert trace.passes == all_passes
        assert trace.pixels.sum() == final_hw.size
        for column, level in enumerate(MEASURED_LEVELS):
            labels_hw, passes = run(ensemble, image_hwc, stopped_at(level))
            assert trace.taken[:, column].sum() == passes
            assert trace.differing[:, column].sum() == (labels_hw != final_hw).sum()
            loss = (labels_hw != final_hw).mean()
            assert trace.replay(new_stopping_rule(stopped_at(level))) == (passes, loss)
            losses.append(loss)
    assert max(losses) > 0, "nothing changed: the test shows nothing"


def test_the_parts_of_tiles_are_what_lies_before_the_next_tile(tiled: Path) -> None:
    ensemble = Ensemble.load(load_ensemble(tiled))
    image_hwc = images_of(tiled)[0]
    (trace,) = trace_tiles(ensemble, [image_hwc], ensemble.passes_in_order(ORDER))
    level = MEASURED_LEVELS[-1]
    differs_hw = run(ensemble, image_hwc, stopped_at(level))[0] != run(ensemble, image_hwc, None)[0]
    layout = lay_out_tiles((70, 90), ensemble.tile)
    tops, lefts = (*layout.rows.starts, 70), (*layout.columns.starts, 90)
    expected = [
        differs_hw[tops[row] : tops[row + 1], lefts[column] : lefts[column + 1]].sum()
        for row in range(len(tops) - 1)
        for column in range(len(lefts) - 1)
    ]
    assert trace.differing[:, -1].tolist() == expected


def test_plain_tiles_have_no_passes_in_a_trace_either(tiled: Path) -> None:
    spec = change(tiled, tile={"size": 32, "overlap": 0.3, "plain": {"label": "glass"}})
    ensemble = Ensemble.load(spec)
    for image_hwc, trace in zip(
        images_of(tiled),
        trace_tiles(ensemble, images_of(tiled), ensemble.passes_in_order(ORDER)),
        strict=True,
    ):
        final_hw, passes = run(ensemble, image_hwc, None)
        labels_hw, fewer = run(ensemble, image_hwc, stopped_at(24))
        assert trace.passes == passes < 16 * lay_out_tiles((70, 90), ensemble.tile).count
        assert trace.taken[:, -1].sum() == fewer
        assert trace.differing[:, -1].sum() == (labels_hw != final_hw).sum()


def test_a_calibration_of_tiles_is_taken_by_the_next_run(tiled: Path) -> None:
    calibration, traces = calibrate_ensemble(load_ensemble(tiled), units="tiles", tolerance=0.2)
    assert calibration.tiles == 3 * lay_out_tiles((70, 90), load_ensemble(tiled).tile).count
    write_under_key(
        tiled, "stopping", {"tolerance": 0.2, "calibration": calibration.model_dump(exclude_none=True)}
    )
    spec = load_ensemble(tiled)
    summary = run_ensemble(spec)
    assert spec.stopping
    replayed = [trace.replay(new_stopping_rule(spec.stopping))[0] for trace in traces]
    assert summary.passes == sum(replayed) < summary.planned
    assert "saved by stopping" in summary.text()


def test_checkpoints_are_the_passes_of_the_first_round_and_the_ends_of_all(tiled: Path) -> None:
    ensemble = Ensemble.load(load_ensemble(tiled))
    assert tile_checkpoints(ensemble.passes_in_order(ORDER)) == (1, 2, 4, 6, 8, 10, 12, 14)
    one_view = ensemble.with_views(("identity",))
    assert tile_checkpoints(one_view.passes_in_order((0, 1))) == (1,)


def test_few_images_bound_nothing_and_it_says_what_would(tiled: Path) -> None:
    spec = load_ensemble(tiled)
    with pytest.raises(
        SpecError, match=r"^3 images cannot show .* 1.000% .*: needs 99 or more, or `--units tiles`"
    ):
        calibrate_ensemble(spec, "predict", tolerance=0.01)
    with pytest.raises(SpecError, match=r"^2 images .* needs 3 or more"):
        calibrate_ensemble(spec, "predict", count=2, tolerance=0.25)
    with pytest.raises(SpecError, match=r"tiles cannot show .*: needs 9999 or more$"):
        calibrate_ensemble(spec, units="tiles", tolerance=0.0001)
    with pytest.raises(SpecError, match="a tolerance above 0"):
        calibrate_ensemble(spec, units="tiles", tolerance=0)


def test_tiles_need_a_calibration_and_a_calibration_of_tiles_needs_tiles(tiled: Path) -> None:
    change(tiled, stopping={"tolerance": 0.01})
    with pytest.raises(SpecError, match=r"stopping: needs a calibration beside 'tile'.*seg calibrate"):
        run_ensemble(load_ensemble(tiled))
    without = load_ensemble(tiled).model_copy(update={"tile": None})
    with pytest.raises(SpecError, match="--units tiles: the spec has no 'tile'"):
        calibrate_ensemble(without, units="tiles")


def test_a_tile_stops_only_if_the_largest_loss_is_tolerated() -> None:
    """By hand: of n units without a loss, (n + 1) * tolerance must be 1."""
    settled = TileMargins(0.001)
    assert CalibratedRule(0.01, 99, [0.0] * 25).settles(settled)
    assert not CalibratedRule(0.01, 98, [0.0] * 25).settles(settled)
    assert not CalibratedRule(0.01, 99, [0.001] * 25).settles(settled)


def tiled_trace(rng: np.random.Generator) -> TiledPassTrace:
    """Tiles from easy to hard, which lose the more the earlier they stop."""
    hardness = rng.beta(0.3, 3, (12, 1))
    earliness = np.linspace(0, 1, len(MEASURED_LEVELS))
    differing = (1000 * hardness * earliness**4 * rng.uniform(size=(12, len(earliness)))).astype(np.int64)
    taken = np.tile(16 - 15 * earliness, (12, 1)).astype(np.int64)
    return TiledPassTrace(12 * 16, taken, differing, np.full(12, 1000))


@pytest.mark.parametrize("tolerance", [0.005, 0.02, 0.05])
def test_the_tolerance_holds_on_fresh_images(tolerance: float) -> None:
    rng = np.random.default_rng(0)
    population = [tiled_trace(rng) for _ in range(120)]
    losses, passes = [], []
    for _ in range(30):
        order = rng.permutation(len(population))
        known, fresh = ([population[n] for n in some] for some in (order[:60], order[60:]))
        risk = estimate_risk(known, "tiles")
        ends = [trace.replay(CalibratedRule(tolerance, 60 * 12, risk)) for trace in fresh]
        losses += [loss for _, loss in ends]
        passes += [taken for taken, _ in ends]
    assert np.mean(losses) <= tolerance
    assert np.mean(passes) < 12 * 16, "nothing was saved: the test shows nothing"


def test_tiles_of_other_images_say_what_a_calibration_on_them_says() -> None:
    rng = np.random.default_rng(1)
    traces = [tiled_trace(rng) for _ in range(20)]
    (outcome,) = cross_validate_calibration(traces, [0.03], "tiles")
    ends = []
    for number, trace in enumerate(traces):
        others = traces[:number] + traces[number + 1 :]
        ends.append(trace.replay(CalibratedRule(0.03, 19 * 12, estimate_risk(others, "tiles"))))
    assert outcome.changed == pytest.approx(np.mean([loss for _, loss in ends]))
    assert outcome.saved == pytest.approx(np.mean([1 - taken / (12 * 16) for taken, _ in ends]))


def test_risks_only_grow_with_the_level() -> None:
    """By hand: of two tiles, at nine levels of which the third loses most."""
    differing = np.zeros((2, len(MEASURED_LEVELS)), dtype=np.int64)
    differing[0, 2], differing[1, 4] = 30, 10
    trace = TiledPassTrace(32, np.ones_like(differing), differing, np.array([100, 100]), "a")
    assert trace.risks() == [0.0] * 4 + [0.15] * 21
    assert trace.tile_risks().tolist() == [[0.0] * 4 + [0.3] * 21, [0.0] * 10 + [0.1] * 15]
    of_groups = risks_by_group([trace, trace])
    assert {group: rows.shape for group, rows in of_groups.items()} == {"a": (1, 25)}
    assert risks_by_group([trace, trace], "tiles")["a"].shape == (4, 25)
