"""Slots of the processes that read bodies: small bodies may use any process, large ones the first alone."""

import asyncio
from collections import deque


class ReaderSlots:
    """A slot for each process, numbered from 0. Belongs to one event loop."""

    def __init__(self, count: int) -> None:
        self._idle = set(range(count))
        self._waiting: deque[tuple[bool, asyncio.Future[int]]] = deque()

    async def take(self, *, is_small: bool) -> int:
        """Wait for a slot: the first, or for a small body any, the last before the others."""
        fitting = self._idle if is_small else self._idle & {0}
        if fitting:
            slot = max(fitting)
            self._idle.remove(slot)
            return slot
        freed: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        self._waiting.append((is_small, freed))
        try:
            return await freed
        except asyncio.CancelledError:
            # It may have been given one in the same moment.
            if freed.done() and not freed.cancelled():
                self.give_back(freed.result())
            raise

    def give_back(self, slot: int) -> None:
        """Hand a slot on to the task that waits longest and may use it."""
        self._waiting = deque((is_small, freed) for is_small, freed in self._waiting if not freed.done())
        for waiting in self._waiting:
            is_small, freed = waiting
            if is_small or slot == 0:
                self._waiting.remove(waiting)
                freed.set_result(slot)
                return
        self._idle.add(slot)
