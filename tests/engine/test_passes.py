"""The scheduler against what a nested loop would do."""

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seg.engine.passes import Batch, Pass, PlannedPass, Scheduler
from seg.engine.views import VIEWS
from seg.views import VIEW_NAMES

plans = st.lists(
    st.builds(
        PlannedPass,
        member=st.integers(0, 2),
        view=st.sampled_from([VIEWS[name] for name in VIEW_NAMES]),
        share=st.just(1.0),
    ),
    min_size=1,
    max_size=12,
)
sizes = st.lists(st.sampled_from([(2, 3), (3, 2), (4, 4)]), max_size=12)


def drive(
    plan: list[PlannedPass], images: list[tuple[int, int]], batch_size: int, limit: int
) -> tuple[list[Batch], int]:
    """All batches, and the most images that were open at once."""
    scheduler = Scheduler(plan, batch_size, limit)
    batches: list[Batch] = []
    left = {number: len(plan) for number in range(len(images))}
    most_open = 0
    for number, size_hw in enumerate(images):
        scheduler.open(number, size_hw)
        opened = [n for n in range(number + 1) if left[n]]
        most_open = max(most_open, len(opened))
        while batch := scheduler.next_batch():
            batches.append(batch)
            for one in batch.passes:
                left[one.image] -= 1
    while batch := scheduler.next_batch(drain=True):
        batches.append(batch)
    return batches, most_open


@given(plan=plans, images=sizes, batch_size=st.integers(1, 5), limit=st.integers(1, 4))
def test_every_pass_runs_once_in_a_fitting_batch(
    plan: list[PlannedPass], images: list[tuple[int, int]], batch_size: int, limit: int
) -> None:
    batches, most_open = drive(plan, images, batch_size, limit)
    wanted = Counter(Pass(image, position) for image in range(len(images)) for position in range(len(plan)))
    assert Counter(one for batch in batches for one in batch.passes) == wanted
    for batch in batches:
        assert 1 <= len(batch.passes) <= batch_size
        for one in batch.passes:
            planned = plan[one.position]
            assert planned.member == batch.member
            assert planned.view.size(images[one.image]) == batch.size_hw
    assert most_open <= limit


@given(plan=plans, count=st.integers(1, 20), batch_size=st.integers(1, 5))
def test_batches_are_full_while_room_is_left(plan: list[PlannedPass], count: int, batch_size: int) -> None:
    scheduler = Scheduler(plan, batch_size, open_images=count + 1)
    for number in range(count):
        scheduler.open(number, (3, 3))
        while batch := scheduler.next_batch():
            assert len(batch.passes) == batch_size


@pytest.mark.parametrize(("batch_size", "open_images"), [(0, 1), (1, 0)])
def test_sizes_below_one_are_refused(batch_size: int, open_images: int) -> None:
    with pytest.raises(ValueError, match="at least 1"):
        Scheduler([], batch_size, open_images)
