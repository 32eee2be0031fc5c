"""Deadlines: what is worth its time goes first, and a run ends in time whatever its speed turns out to be."""

import json
import random
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seg.engine import Ensemble
from seg.engine.early_exit.deadline import DeadlineSchedule, PassBudget, parse_duration
from seg.engine.early_exit.ranking import order_by_gain
from seg.engine.jobs import predict as run
from seg.engine.jobs.predict import run_ensemble
from seg.engine.member import default_pass_order
from seg.errors import OutputError, SpecError
from seg.spec import EnsembleSpec, load_ensemble
from tests.engine.tiny_models import IMAGES


@pytest.mark.parametrize(
    ("text", "seconds"), [("8h30m", 30600), ("45m", 2700), ("90s", 90), ("1H1s", 3601), (" 2h ", 7200)]
)
def test_durations(text: str, seconds: float) -> None:
    assert parse_duration(text) == seconds


@pytest.mark.parametrize("text", ["", "8", "h", "30m8h", "1.5h", "8h 30m"])
def test_what_is_no_duration_is_one_line(text: str) -> None:
    with pytest.raises(SpecError, match="8h30m"):
        parse_duration(text)


def test_time_that_just_suffices_is_taken() -> None:
    """Of ten seconds a twentieth is reserved."""
    budget = PassBudget([0.95, 0.95], 10, 10.0, now=lambda: 0.0)
    assert budget.open_image() == 1
    with pytest.raises(SpecError, match="one pass an image takes 11 s, but after loading and measuring 10 s"):
        PassBudget([1.0], 10, 10.0, now=lambda: 0.0)


def test_it_does_not_matter_when_a_clock_began() -> None:
    """Passes of a second take 1.5."""

    def passes_from(began: float) -> list[int]:
        now = began
        budget = PassBudget([1.0] * 8, 12, began + 64, now=lambda: now)
        taken = []
        for _ in range(12):
            taken.append(budget.open_image())
            now += 1.5 * taken[-1]
            budget.close_image(taken[-1])
        return taken

    assert passes_from(0) == passes_from(4096)
    assert len(set(passes_from(0))) > 1


@given(
    costs=st.lists(st.floats(0.1, 5), min_size=1, max_size=24),
    images=st.integers(20, 300),
    spare=st.floats(1.2, 30),
    slowdown=st.floats(0.3, 1.1),
    seed=st.integers(0, 1000),
)
@settings(max_examples=300)
def test_a_run_ends_in_time(
    costs: list[float], images: int, spare: float, slowdown: float, seed: int
) -> None:
    """Three images are open at once; each takes its passes' time, give or take a quarter."""
    now = 0.0
    end = images * costs[0] * spare
    budget = PassBudget(costs, images, end, now=lambda: now)
    rng = random.Random(seed)
    in_work: list[int] = []
    for _ in range(images):
        in_work.append(budget.open_image())
        if len(in_work) == 3:
            passes = in_work.pop(0)
            now += sum(costs[:passes]) * slowdown * rng.uniform(0.75, 1.25)
            budget.close_image(passes)
    for passes in in_work:
        now += sum(costs[:passes]) * slowdown * rng.uniform(0.75, 1.25)
    assert now <= end


@pytest.mark.parametrize(("spare", "passes"), [(2.0, 8.0), (0.5, 4.0)])
def test_with_time_enough_nothing_is_dropped_and_with_half_about_half(spare: float, passes: float) -> None:
    now = 0.0
    budget = PassBudget([1.0] * 8, 100, 100 * 8 * spare, now=lambda: now)
    granted = []
    for _ in range(100):
        granted.append(budget.open_image())
        now += granted[-1]
        budget.close_image(granted[-1])
    assert np.mean(granted) == pytest.approx(passes, abs=0.6)
    assert budget.fewest == min(granted)


def test_a_time_in_which_one_pass_cannot_be_done_is_refused() -> None:
    with pytest.raises(SpecError, match="allow more time"):
        PassBudget([1.0, 1.0], 100, 99.0, now=lambda: 0.0)


def answer(*labels: int) -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
    """A pass that is sure of a label for each pixel, float32 `[C, pixels]`."""
    return np.eye(3, dtype=np.float32)[list(labels)].T


def test_the_pass_that_is_most_like_the_whole_goes_first() -> None:
    """The full ensemble says 0 0 1 1: by hand, pass 1 says so alone."""
    samples = np.stack([answer(0, 2, 2, 2), answer(0, 0, 1, 1), answer(1, 0, 1, 1)])
    assert order_by_gain([samples], np.full((3, samples.shape[1]), 1 / 3), [1.0, 1.0, 1.0])[0] == 1


def test_of_passes_that_change_no_label_the_nearest_goes_first() -> None:
    """All say the first class, with a mean of 0.71."""
    firsts = np.array([0.9, 0.7, 0.53], dtype=np.float32)
    samples = np.stack([firsts, 1 - firsts], axis=1)[:, :, None]
    assert order_by_gain([samples], np.full((3, 2), 1 / 3), [1.0, 1.0, 1.0])[0] == 1


def test_of_equals_the_cheaper_goes_first() -> None:
    samples = np.stack([answer(0, 1, 2)] * 3)
    assert order_by_gain([samples], np.full((3, samples.shape[1]), 1 / 3), [3.0, 1.0, 2.0])[0] == 1


@given(seed=st.integers(0, 1000), count=st.integers(1, 8))
def test_every_pass_is_in_the_order_once(seed: int, count: int) -> None:
    rng = np.random.default_rng(seed)
    samples = rng.random((count, 3, 40)).astype(np.float32)
    order = order_by_gain(
        [samples], np.full((count, samples.shape[1]), 1 / count), list(rng.uniform(1, 2, count))
    )
    assert sorted(order) == list(range(count))


class EvenPace(PassBudget):
    """Every image gets as many passes."""

    def __init__(self, passes: int) -> None:
        super().__init__([1.0] * 16, 0, 1.0)
        self.fewest = passes

    def open_image(self) -> int:
        return self.fewest


def rush_of(passes: int) -> Callable[..., DeadlineSchedule]:
    def schedule_for_deadline(
        ensemble: Ensemble, spec: EnsembleSpec, images: int, ends_at: float
    ) -> DeadlineSchedule:
        return DeadlineSchedule(default_pass_order(ensemble.members), EvenPace(passes))

    return schedule_for_deadline


def test_labels_are_those_of_the_passes_that_were_run(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Eight passes are all those of the first member: its labels, as if it were alone."""
    monkeypatch.setattr(run, "schedule_for_deadline", rush_of(8))
    hurried = run_ensemble(load_ensemble(project), deadline=1)
    assert hurried.passes == IMAGES * 8
    assert hurried.dropped == IMAGES * 8
    assert hurried.dropped_of[0] == "b identity"
    assert "56 passes (50%) dropped" in hurried.text()
    has_deadline = hurried.output.read_bytes()
    document = json.loads(project.read_text())
    document["members"] = document["members"][:1]
    project.write_text(json.dumps(document))
    assert run_ensemble(load_ensemble(project), restart=True).output.read_bytes() == has_deadline


def test_a_journal_in_haste_is_not_taken_for_a_whole_one(project: Path) -> None:
    spec = load_ensemble(project)
    whole = run_ensemble(spec, deadline=3600)
    assert whole.dropped == 0
    assert run_ensemble(spec, deadline=7200).images_now == 0
    with pytest.raises(OutputError, match="--restart"):
        run_ensemble(spec)


def test_stopping_does_not_go_with_it(project: Path) -> None:
    project.write_text(project.read_text().replace('"views"', '"stopping": {"tolerance": 0}, "views"'))
    with pytest.raises(SpecError, match="stopping"):
        run_ensemble(load_ensemble(project), deadline=3600)


@pytest.mark.parametrize(
    ("each", "left", "message"),
    [(0.03, 0.02, "takes 0.032 s, .* 0.02 s are left"), (30, 20, "32 s, .* 20 s")],
)
def test_times_too_short_are_said_with_what_tells_them_apart(each: float, left: float, message: str) -> None:
    with pytest.raises(SpecError, match=message):
        PassBudget([each], 1, left, now=lambda: 0.0)
