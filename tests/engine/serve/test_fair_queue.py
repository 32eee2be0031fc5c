"""Who is next, held to what is fair: by hand, and for any crowd."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seg.engine.serve.labelling.fair_queue import WAIT_S_A_MEGAPIXEL, WHOLE_PER_TILE, FairQueue

TILE = 100
SIZES = st.lists(st.integers(1, 5 * TILE), max_size=40)


def test_the_smallest_goes_first_and_equals_in_order() -> None:
    queue: FairQueue[str] = FairQueue(10**6)
    queue.put("large", 900_000, is_cut=False)
    queue.put("small", 1000, is_cut=False)
    queue.put("later", 1000, is_cut=False)
    assert [queue.next(is_cutting=False) for _ in "abcd"] == ["small", "later", "large", None]


def test_a_large_image_that_waits_long_goes_before_a_small_one(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 0.0
    monkeypatch.setattr("seg.engine.serve.labelling.fair_queue.time.monotonic", lambda: now)
    queue: FairQueue[str] = FairQueue(10**6)
    queue.put("large", 900_000, is_cut=False)
    now = WAIT_S_A_MEGAPIXEL
    queue.put("small", 1000, is_cut=False)
    assert queue.next(is_cutting=False) == "large"


@given(SIZES)
def test_everyone_is_served_once_and_tiles_get_their_share(sizes: list[int]) -> None:
    queue: FairQueue[int] = FairQueue(TILE)
    for position, pixels in enumerate(sizes):
        queue.put(position, pixels, is_cut=pixels > TILE)
    served: list[int] = []
    cutting, since_tile = 0, 0
    while len(queue) or cutting:
        number = queue.next(is_cutting=cutting > 0)
        if number is None:
            cutting -= 1
            since_tile = 0
        elif sizes[number] > TILE:
            assert cutting == 0
            cutting = -(-sizes[number] // TILE)
            served.append(number)
            since_tile = 0
        else:
            served.append(number)
            since_tile += sizes[number]
            # One more may be let through when nearly all of the share is used up.
            assert not (cutting or any(n not in served for n, p in enumerate(sizes) if p > TILE)) or (
                since_tile < WHOLE_PER_TILE * TILE + TILE
            )
    assert sorted(served) == list(range(len(sizes)))


def test_who_waits_is_woken() -> None:
    queue: FairQueue[str] = FairQueue(TILE)
    assert not queue.wait(0)
    queue.put("one", 1, is_cut=False)
    assert queue.wait(None)
    assert queue.next(is_cutting=True) == "one"
