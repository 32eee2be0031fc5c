"""Who does a block again, on workers that are drawn to die."""

from collections import deque
from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seg.engine.cluster.dispatch import (
    QUEUE_DEPTH,
    Block,
    Died,
    Dispatch,
    Failed,
    Finished,
    FinishedBlock,
    PoisonImage,
    Ready,
)
from seg.engine.cluster.remote_images import ImageRef
from seg.engine.cluster.sizing import Machine, WorkerLayout, fit_workers
from seg.errors import MissingRuntimeError

Event = Ready | Finished[list[str]] | Failed | Died


@dataclass
class Workers:
    """A fleet in which images kill their worker, or make it fail, and workers die at some of their blocks.

    Where `takes_answers`, a worker that dies of a block takes the answer for the one before with it.
    """

    count: int
    deadly: frozenset[int] = frozenset()
    failing: frozenset[int] = frozenset()
    takes_answers: bool = False
    dies_at: deque[int] = field(default_factory=deque)
    given: dict[str, deque[Block]] = field(default_factory=dict)
    arriving: deque[str] = field(default_factory=deque)
    tried: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.arriving.extend(f"w{number}" for number in range(self.count))

    def submit(self, worker: str, block: Block) -> None:
        self.given[worker].append(block)
        assert len(self.given[worker]) <= QUEUE_DEPTH

    def next_event(self) -> Event:
        if self.arriving:
            worker = self.arriving.popleft()
            self.given[worker] = deque()
            return Ready(worker)
        worker = next(worker for worker, held in self.given.items() if held)
        # Turn by turn.
        self.given[worker] = held = self.given.pop(worker)
        numbers = numbers_of(held[0])
        self.tried += [image.id for image in held[0].images]
        if (
            self.takes_answers
            and not numbers & self.deadly
            and len(held) > 1
            and numbers_of(held[1]) & self.deadly
        ):
            del self.given[worker]
            self.arriving.append(worker + "'")
            return Died(worker, "died")
        if numbers & self.deadly or (self.dies_at and len(self.tried) > self.dies_at[0]):
            if self.dies_at and not numbers & self.deadly:
                self.dies_at.popleft()
            del self.given[worker]
            self.arriving.append(worker + "'")
            return Died(worker, "died")
        block = held.popleft()
        if numbers & self.failing:
            return Failed(worker, "ValueError: no")
        return Finished(worker, [image.id for image in block.images])


def numbers_of(block: Block) -> set[int]:
    return {int(image.id) for image in block.images}


def blocks_of(images: int, size: int) -> list[Block]:
    all_images = [ImageRef(str(number), f"/{number}.png") for number in range(images)]
    return [Block(tuple(all_images[first : first + size])) for first in range(0, images, size)]


def outcome(pool: Workers, images: int, size: int) -> tuple[list[str], list[str], Dispatch[list[str]]]:
    dispatch: Dispatch[list[str]] = Dispatch(pool)
    done, poison = [], []
    for event in dispatch.run(blocks_of(images, size)):
        match event:
            case FinishedBlock(_, block, result):
                assert result == [image.id for image in block.images]
                done += result
            case PoisonImage(image, _):
                poison.append(image.id)
    return sorted(done, key=int), sorted(poison, key=int), dispatch


@given(
    workers=st.integers(1, 4),
    images=st.integers(0, 40),
    size=st.integers(1, 9),
    deadly=st.frozensets(st.integers(0, 39), max_size=3),
    failing=st.frozensets(st.integers(0, 39), max_size=3),
    takes_answers=st.booleans(),
    deaths=st.lists(st.integers(0, 60), max_size=1),
)
def test_every_image_is_done_once_or_named(
    workers: int,
    images: int,
    size: int,
    deadly: frozenset[int],
    failing: frozenset[int],
    takes_answers: bool,
    deaths: list[int],
) -> None:
    bad = deadly | failing
    # More than one death by accident may fall on the same image, which cannot be told from a deadly one.
    pool = Workers(workers, deadly, failing, takes_answers, deque(deaths))
    done, poison, _ = outcome(pool, images, size)
    assert done == [str(number) for number in range(images) if number not in bad]
    assert poison == [str(number) for number in range(images) if number in bad]


def test_a_death_costs_no_more_than_the_blocks_in_flight() -> None:
    pool = Workers(2, dies_at=deque([20]))
    done, poison, dispatch = outcome(pool, 64, 4)
    assert (len(done), poison) == (64, [])
    assert 4 <= dispatch.redone <= QUEUE_DEPTH * 4
    assert len(pool.tried) == 64 + 4
    assert len(dispatch.lost) == 1


def test_workers_share_what_is_left() -> None:
    pool = Workers(4)
    dispatch: Dispatch[list[str]] = Dispatch(pool)
    done = [event for event in dispatch.run(blocks_of(32, 2)) if isinstance(event, FinishedBlock)]
    assert {event.worker for event in done} == {"w0", "w1", "w2", "w3"}
    assert len(pool.tried) == 32


@pytest.mark.parametrize(
    ("machines", "workers", "gpus", "layout"),
    [
        ([Machine(8, 0), Machine(8, 0)], None, 0, WorkerLayout(2, 8)),
        ([Machine(8, 0), Machine(4, 0)], None, 0, WorkerLayout(2, 4)),
        ([Machine(8, 0), Machine(8, 0)], 4, 0, WorkerLayout(4, 4)),
        ([Machine(8, 0), Machine(2, 0)], 3, 0, WorkerLayout(3, 2)),
        ([Machine(16, 2), Machine(16, 2), Machine(4, 0)], None, 1, WorkerLayout(4, 8)),
        ([Machine(16, 1)], None, 0.5, WorkerLayout(2, 8)),
    ],
)
def test_workers_as_large_as_fit(
    machines: list[Machine], workers: int | None, gpus: float, layout: WorkerLayout
) -> None:
    assert fit_workers(machines, workers, gpus) == layout


def test_more_workers_than_fit_are_refused() -> None:
    with pytest.raises(MissingRuntimeError, match="room for 2 workers, not for 3"):
        fit_workers([Machine(1, 0), Machine(1, 0)], 3, 0)
    with pytest.raises(MissingRuntimeError, match="1 GPUs each"):
        fit_workers([Machine(8, 0)], None, 1)
