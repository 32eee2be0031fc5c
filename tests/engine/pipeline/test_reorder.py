"""Items brought by many threads in any order."""

import random
from concurrent.futures import ThreadPoolExecutor
from threading import Lock

from hypothesis import given
from hypothesis import strategies as st

from seg.engine.pipeline.reorder import ReorderBuffer


@given(order=st.permutations(range(8)))
def test_items_are_taken_by_number(order: list[int]) -> None:
    taken: list[tuple[int, str]] = []
    queue: ReorderBuffer[str] = ReorderBuffer(lambda number, item: taken.append((number, item)))
    counts = [queue.put(number, str(number)) for number in order]
    assert taken == [(number, str(number)) for number in range(8)]
    brought: set[int] = set()
    for number, count in zip(order, counts, strict=True):
        brought.add(number)
        assert count == next(n for n in range(9) if n not in brought)


def test_one_at_a_time_and_one_thread_sees_the_end() -> None:
    inside = Lock()
    taken: list[int] = []

    def take(number: int, _: None) -> None:
        assert inside.acquire(blocking=False), "two threads at once"
        taken.append(number)
        inside.release()

    count = 2000
    queue: ReorderBuffer[None] = ReorderBuffer(take)
    numbers = list(range(count))
    random.Random(0).shuffle(numbers)
    with ThreadPoolExecutor(8) as pool:
        counts = list(pool.map(lambda number: queue.put(number, None), numbers))
    assert taken == list(range(count))
    assert counts.count(count) == 1
