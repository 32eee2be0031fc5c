"""Who reads the next body: small bodies may use all processes, large ones the first alone."""

import asyncio
from collections import deque


class ProcessPlaces:
    """So many places, numbered from 0. Belongs to one event loop."""

    def __init__(self, count: int) -> None:
        self._idle = set(range(count))
        self._waiting: deque[tuple[bool, asyncio.Future[int]]] = deque()

    async def take(self, *, is_small: bool) -> int:
        """Wait for a place: the first, or for what is small any, the last before the others."""
        fitting = self._idle if is_small else self._idle & {0}
        if fitting:
            place = max(fitting)
            self._idle.remove(place)
            return place
        freed: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        self._waiting.append((is_small, freed))
        try:
            return await freed
        except asyncio.CancelledError:
            # It may have been given one in the same moment.
            if freed.done() and not freed.cancelled():
                self.give_back(freed.result())
            raise

    def give_back(self, place: int) -> None:
        """Hand a place on to the one who waits longest and may use it."""
        self._waiting = deque((is_small, freed) for is_small, freed in self._waiting if not freed.done())
        for waiting in self._waiting:
            is_small, freed = waiting
            if is_small or place == 0:
                self._waiting.remove(waiting)
                freed.set_result(place)
                return
        self._idle.add(place)
