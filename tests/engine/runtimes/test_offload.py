"""Members that take turns in memory against members that all stay."""

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from seg.engine import Ensemble
from seg.engine.jobs.explain import explain_ensemble
from seg.engine.jobs.predict import run_ensemble
from seg.engine.jobs.stopping import build_stopping
from seg.engine.member import Member
from seg.engine.pipeline.timing import Clock
from seg.engine.runtimes.base import Runtime
from seg.engine.runtimes.offload import (
    MemoryBudget,
    OffloadedRuntime,
    group_members_by_memory,
    set_offload_groups,
)
from seg.engine.runtimes.open import open_runtime
from seg.errors import SpecError
from seg.models.model_file import read_model_card
from seg.spec import load_ensemble
from seg.spec.ensemble.prediction import StoppingSpec
from seg.views import VIEW_SETS
from tests.engine.tiny_images import images_of_sizes
from tests.engine.tiny_models import MakeModel

FRAMES = 4


@pytest.fixture
def loads() -> list[str]:
    """The models that were loaded, in order."""
    return []


@pytest.fixture
def pair(make_model: MakeModel, loads: list[str]) -> tuple[Ensemble, Ensemble]:
    """Three members that stay, and the same in two groups that take turns."""
    models = [make_model(seed) for seed in (1, 2, 3)]
    swapped = [OffloadedRuntime(opener(model, loads)) for model in models]
    set_offload_groups(swapped, [[0], [1, 2]])
    staying = Ensemble(tuple(member(model, open_runtime(model, "cpu")) for model in models), batch_size=2)
    turning = replace(
        staying,
        members=tuple(member(model, one) for model, one in zip(models, swapped, strict=True)),
        open_frames=FRAMES,
    )
    return staying, turning


def opener(model: Path, loads: list[str]) -> Callable[[], Runtime]:
    def opener() -> Runtime:
        loads.append(model.stem)
        return open_runtime(model, "cpu")

    return opener


def member(model: Path, runtime: Runtime) -> Member:
    return Member(model.stem, runtime, read_model_card(model), 1.0, VIEW_SETS["d4"])


def test_the_bits_are_those_of_members_that_stay(pair: tuple[Ensemble, Ensemble]) -> None:
    staying, turning = pair
    pictures = images_of_sizes()
    answers = dict(turning.predict_all(enumerate(pictures), lambda key, merged: (key, merged)))
    for key, image_hwc in enumerate(pictures):
        np.testing.assert_array_equal(answers[key], staying.predict(image_hwc).probabilities)


def test_a_group_is_loaded_once_for_as_many_frames_as_are_open(
    pair: tuple[Ensemble, Ensemble], loads: list[str]
) -> None:
    _, turning = pair
    turning = replace(turning, batch_size=1, open_frames=12)
    assert turning.streams >= 1  # which asks every member once
    loads.clear()
    list(turning.label_all(enumerate([images_of_sizes()[0]] * 48), lambda key, _: key))
    assert loads.count("tiny-1") <= 48 // 12
    assert loads.count("tiny-2") == loads.count("tiny-3") <= 48 // 12


def test_stopping_goes_with_it(pair: tuple[Ensemble, Ensemble]) -> None:
    staying, turning = pair
    clock = Clock()
    labels = dict(
        turning.label_all(
            enumerate(images_of_sizes()),
            lambda key, labels_hw: (key, labels_hw),
            stopping=build_stopping(StoppingSpec(), turning),
            clock=clock,
        )
    )
    assert clock.passes <= clock.planned
    for key, image_hwc in enumerate(images_of_sizes()):
        np.testing.assert_array_equal(labels[key], staying.predict(image_hwc).labels)


def test_others_go_before_a_group_comes(make_model: MakeModel) -> None:
    runtimes = [OffloadedRuntime(partial(open_runtime, make_model(seed), "cpu")) for seed in (1, 2, 3)]
    set_offload_groups(runtimes, [[0, 1], [2]])
    runtimes[0].load()
    assert [one.is_loaded for one in runtimes] == [True, True, False]
    runtimes[2].load()
    assert [one.is_loaded for one in runtimes] == [False, False, True]


@pytest.mark.parametrize(
    ("sizes", "groups"),
    [
        ([1, 1, 1], [[0, 1, 2]]),
        ([40, 40, 40], [[0, 1], [2]]),
        ([80, 80, 10], [[0], [1, 2]]),
        ([80, 10], [[0, 1]]),
        ([0, 90, 0], [[0, 1, 2]]),
    ],
)
def test_groups_are_as_large_as_memory_allows(sizes: list[int], groups: list[list[int]]) -> None:
    """100 in all, of which 1 is taken and 9 frames of 1 are open: 90 are left."""
    budget = MemoryBudget(total=100, used=1, frame=1, min_frames=9)
    assert group_members_by_memory(sizes, budget) == groups


def test_a_member_that_does_not_fit_says_what_would_do() -> None:
    with pytest.raises(SpecError, match="at least 110 MB"):
        group_members_by_memory(
            [100_000_000], MemoryBudget(total=100_000_000, used=10_000_000, frame=1, min_frames=0)
        )


def test_a_budget_leaves_the_submission_as_it_is(project: Path) -> None:
    spec = load_ensemble(project)
    run_ensemble(spec)
    expected = spec.output.file.read_bytes()
    with pytest.raises(SpecError, match="--memory"):
        run_ensemble(spec, restart=True, memory=1_000_000)
    run_ensemble(spec, restart=True, memory=10**12)
    assert spec.output.file.read_bytes() == expected


def test_an_explanation_counts_what_would_run_and_writes_nothing(project: Path) -> None:
    before = sorted(project.parent.rglob("*"))
    explanation = explain_ensemble(load_ensemble(project))
    assert sorted(project.parent.rglob("*")) == before
    assert explanation.passes == 16
    assert [round(one.share, 3) for one in explanation.members] == [0.333, 0.667]
    for one in explanation.members:
        assert sum(one.placement.counts.values()) >= 1
        assert one.placement.counts.keys() == {"CPU"}
        assert one.placement.fallen_back == ()
        assert one.milliseconds > 0
