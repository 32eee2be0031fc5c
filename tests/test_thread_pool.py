"""Thread pools of generators that are forgotten, fail or end."""

import threading
from collections.abc import Iterator

import pytest

from seg.thread_pool import pool_of_generator


def numbers(block: threading.Event) -> Iterator[int]:
    with pool_of_generator(1, "numbers") as pool:
        waiting = pool.submit(block.wait)
        yield 1
        waiting.result()
        yield 2


def test_to_close_it_does_not_wait_for_threads() -> None:
    block = threading.Event()
    generator = numbers(block)
    assert next(generator) == 1
    closed = threading.Thread(target=generator.close, daemon=True)  # type: ignore[attr-defined]
    closed.start()
    closed.join(10)
    assert not closed.is_alive()
    block.set()


def test_to_end_it_waits_for_all() -> None:
    block = threading.Event()
    block.set()
    assert list(numbers(block)) == [1, 2]
    assert not any(thread.name.startswith("numbers") for thread in threading.enumerate() if thread.is_alive())


def test_an_error_in_a_thread_is_raised() -> None:
    def failing() -> Iterator[float]:
        with pool_of_generator(1, "failing") as pool:
            yield pool.submit(lambda: 1 / 0).result()

    with pytest.raises(ZeroDivisionError):
        next(failing())
