"""The scheduler against what a nested loop would do, with answers that come back in any order."""

from collections import Counter
from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seg.engine.passes.passes import Batch, Pass, PlannedPass
from seg.engine.passes.views import VIEWS
from seg.engine.pipeline.scheduler import Scheduler
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


@dataclass
class Drive:
    """Runs a scheduler to its end, as the stream does, and notes what it saw."""

    pass_order: list[PlannedPass]
    scheduler: Scheduler
    data: st.DataObject
    settled_after: dict[int, int] = field(default_factory=dict)
    batches: list[Batch] = field(default_factory=list)
    most_open: int = 0
    most_ahead: int = 0

    def run(self, images: list[tuple[int, int]], workers: int) -> None:
        waiting = list(enumerate(images))
        out: dict[int, list[bool]] = {}
        running: list[Batch] = []
        while True:
            while len(running) < workers and (batch := self._next(waiting, out)):
                running.append(batch)
                self.batches.append(batch)
            if not running:
                return
            back = running.pop(self.data.draw(st.integers(0, len(running) - 1)))
            for one in back.passes:
                out[one.frame][one.position] = True
                self._report(one.frame, out)

    def _next(self, waiting: list[tuple[int, tuple[int, int]]], out: dict[int, list[bool]]) -> Batch | None:
        while True:
            batch = self.scheduler.next_batch()
            if batch is None and waiting and self.scheduler.has_room:
                number, size_hw = waiting.pop(0)
                self.scheduler.open(number, size_hw)
                out[number] = [False] * len(self.pass_order)
                self.most_open = max(self.most_open, len(out))
                continue
            if batch is None:
                batch = self.scheduler.next_batch(partial=True)
            for one in batch.passes if batch else ():
                self.most_ahead = max(self.most_ahead, one.position + 1 - _leading(out[one.frame]))
            return batch

    def _report(self, frame: int, out: dict[int, list[bool]]) -> None:
        added = _leading(out[frame])
        self.scheduler.added(frame, added)
        if added >= self.settled_after.get(frame, len(self.pass_order)):
            self.scheduler.close(frame)
            del out[frame]


def _leading(done: list[bool]) -> int:
    return done.index(False) if False in done else len(done)


@given(
    pass_order=plans,
    images=sizes,
    batch_size=st.integers(1, 5),
    open_frames=st.integers(1, 4),
    lead=st.integers(1, 6),
    workers=st.integers(1, 3),
    data=st.data(),
)
def test_every_pass_runs_once_in_a_fitting_batch(
    pass_order: list[PlannedPass],
    images: list[tuple[int, int]],
    batch_size: int,
    open_frames: int,
    lead: int,
    workers: int,
    data: st.DataObject,
) -> None:
    scheduler = Scheduler(pass_order, batch_size=batch_size, open_frames=open_frames, lead=lead)
    drive = Drive(pass_order, scheduler, data)
    drive.run(images, workers)
    wanted = Counter(
        Pass(frame, position) for frame in range(len(images)) for position in range(len(pass_order))
    )
    assert Counter(one for batch in drive.batches for one in batch.passes) == wanted
    for batch in drive.batches:
        assert 1 <= len(batch.passes) <= batch_size
        for one in batch.passes:
            planned = pass_order[one.position]
            assert planned.member == batch.member
            assert planned.view.size(images[one.frame]) == batch.size_hw
    assert drive.most_open <= open_frames
    assert drive.most_ahead <= lead


@given(pass_order=plans, images=sizes, batch_size=st.integers(1, 5), lead=st.integers(1, 6), data=st.data())
def test_a_settled_frame_takes_no_further_pass(
    pass_order: list[PlannedPass],
    images: list[tuple[int, int]],
    batch_size: int,
    lead: int,
    data: st.DataObject,
) -> None:
    """It is settled at one of the looks, or at its end, and other passes may be out at once."""
    checkpoints = sorted(data.draw(st.sets(st.integers(1, len(pass_order)))))
    ends = st.sampled_from([*checkpoints, len(pass_order)])
    settled_after = {frame: data.draw(ends) for frame in range(len(images))}
    scheduler = Scheduler(
        pass_order, batch_size=batch_size, open_frames=4, lead=lead, checkpoints=checkpoints
    )
    drive = Drive(pass_order, scheduler, data, settled_after)
    drive.run(images, 2)
    taken = Counter(one.frame for batch in drive.batches for one in batch.passes)
    assert taken == Counter(settled_after)


@given(pass_order=plans, count=st.integers(1, 20), batch_size=st.integers(1, 5))
def test_a_full_batch_is_found_wherever_there_is_one(
    pass_order: list[PlannedPass], count: int, batch_size: int
) -> None:
    """Without `partial` only full batches; with it, one that no frame could have filled."""
    scheduler = Scheduler(pass_order, batch_size=batch_size, open_frames=count, lead=len(pass_order))
    for frame in range(count):
        scheduler.open(frame, (3, 3))
    while batch := scheduler.next_batch():
        assert len(batch.passes) == batch_size
    rest = scheduler.next_batch(partial=True)
    assert rest is None or len(rest.passes) < batch_size


@pytest.mark.parametrize(("batch_size", "open_frames", "lead"), [(0, 1, 1), (1, 0, 1), (1, 1, 0)])
def test_sizes_below_one_are_refused(batch_size: int, open_frames: int, lead: int) -> None:
    with pytest.raises(ValueError, match="at least 1"):
        Scheduler([], batch_size=batch_size, open_frames=open_frames, lead=lead)
