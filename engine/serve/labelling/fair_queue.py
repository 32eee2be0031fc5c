"""Which image is next: small ones first, large ones in their turn."""

import heapq
import threading
import time
from dataclasses import dataclass, field
from typing import Final, Generic, TypeVar

Item = TypeVar("Item")

WAIT_S_A_MEGAPIXEL: Final = 4.0
"""How much later than one of a megapixel a tiny image may come and still go first, so none waits for ever."""

WHOLE_PER_TILE: Final = 3
"""While images wait that fit in one frame, they get so many pixels for one of an image that is cut."""


@dataclass(order=True, slots=True)
class _FairQueueEntry(Generic[Item]):
    due: float
    number: int
    pixels: int = field(compare=False)
    item: Item = field(compare=False)


class FairQueue(Generic[Item]):
    """Images that fit in one frame (`whole`) wait apart from those that are cut into tiles (`cut`).

    Within either, an image is due the later the larger it is. Between them the engine's time is shared out
    by pixels, so neither a crowd of small images nor one large image holds up the others.
    """

    def __init__(self, tile_pixels: int) -> None:
        self._whole: list[_FairQueueEntry[Item]] = []
        self._cut: list[_FairQueueEntry[Item]] = []
        self._most_before_tile = WHOLE_PER_TILE * tile_pixels
        self._since_tile = 0
        self._count = 0
        self._changed = threading.Condition()

    def __len__(self) -> int:
        return len(self._whole) + len(self._cut)

    def put(self, item: Item, pixels: int, *, is_cut: bool) -> None:
        """Add an image of so many pixels."""
        with self._changed:
            self._count += 1
            due = time.monotonic() + WAIT_S_A_MEGAPIXEL * pixels / 1e6
            heapq.heappush(
                self._cut if is_cut else self._whole, _FairQueueEntry(due, self._count, pixels, item)
            )
            self._changed.notify()

    def wake(self) -> None:
        """Let one who waits go on without an image."""
        with self._changed:
            self._count += 1
            self._changed.notify()

    def wait(self, seconds: float | None) -> bool:
        """Wait until there is an image, or `wake` is called; says whether that was in time."""
        with self._changed:
            before = self._count
            return self._changed.wait_for(lambda: len(self) > 0 or self._count > before, seconds)

    def next(self, *, is_cutting: bool) -> Item | None:
        """The image to begin now; None where it is the turn of a tile, or nothing waits.

        Args:
            is_cutting: whether an image that is cut is under way; only one is at a time.
        """
        with self._changed:
            is_tiles_turn = self._since_tile >= self._most_before_tile or not self._whole
            if is_tiles_turn and (is_cutting or self._cut):
                self._since_tile = 0
                return None if is_cutting else heapq.heappop(self._cut).item
            if not self._whole:
                return None
            entry = heapq.heappop(self._whole)
            self._since_tile += entry.pixels
            return entry.item
