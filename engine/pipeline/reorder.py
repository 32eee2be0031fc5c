"""Reordering: items arrive in any order, from any thread, and are processed in the order of their numbers."""

import threading
from collections.abc import Callable, Iterable, Iterator
from typing import Generic, TypeVar

Item = TypeVar("Item")


class ReorderBuffer(Generic[Item]):
    """Calls `take(number, item)` for numbers 0, 1, 2, …, one call at a time.

    No thread waits: an item that arrives early is kept, and the thread that brings the missing one also
    processes those behind it. So sums of floats are the same in every run.
    """

    def __init__(self, take: Callable[[int, Item], None]) -> None:
        self._take = take
        self._lock = threading.Lock()
        self._early: dict[int, Item] = {}
        self._taking = False
        self._taken = 0

    def put(self, number: int, item: Item) -> int | None:
        """Add an item; returns how many are processed so far, or None if another thread is processing."""
        with self._lock:
            self._early[number] = item
            if self._taking:
                return None
            self._taking = True
        return self._take_all_due()

    def _take_all_due(self) -> int:
        while True:
            with self._lock:
                if self._taken not in self._early:
                    self._taking = False
                    return self._taken
                item = self._early.pop(self._taken)
            self._take(self._taken, item)
            self._taken += 1


def results_in_order(numbered: Iterable[tuple[int, Item]]) -> Iterator[Item]:
    """Results that arrive with their numbers 0, 1, 2, … in any order, in that order. Early ones are kept."""
    early: dict[int, Item] = {}
    due = 0
    for number, item in numbered:
        early[number] = item
        while due in early:
            yield early.pop(due)
            due += 1
