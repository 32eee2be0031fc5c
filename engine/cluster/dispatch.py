"""Blocks of images to workers that may die; knows nothing of what runs them.

A block whose worker died is done again by another. Where that one dies, too, the block is halved, and its
halves, until one image is left. Where two more workers die of it, it is named, and all others are done.

A worker can die before its last answer has left it, and then the wrong block is suspected. So one that is
suspected is given to a worker that has no other: whatever dies of it dies of nothing else.
"""

from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from typing import Final, Generic, Protocol, TypeVar

from seg.engine.cluster.remote_images import ImageRef

Result = TypeVar("Result")

AHEAD: Final = 2
"""Blocks that a worker holds, so that it never waits for the next one."""

MOST_DEATHS: Final = 2
MOST_DEATHS_OF_ONE: Final = 3


@dataclass(frozen=True, slots=True)
class Block:
    """Images that travel together, and how many workers died when it was the first that they had."""

    images: tuple[ImageRef, ...]
    deaths: int = 0

    @property
    def is_suspected(self) -> bool:
        return self.deaths > 0

    @property
    def is_guilty(self) -> bool:
        """Whether it has killed so often that it must not be given out whole."""
        return self.deaths >= (MOST_DEATHS if len(self.images) > 1 else MOST_DEATHS_OF_ONE)

    def halves(self) -> "tuple[Block, Block]":
        middle = len(self.images) // 2
        return Block(self.images[:middle], deaths=1), Block(self.images[middle:], deaths=1)


@dataclass(frozen=True, slots=True)
class Arrived:
    """A worker is ready for blocks."""

    worker: str


@dataclass(frozen=True, slots=True)
class Answered(Generic[Result]):
    """A worker is done with the block that it was given first."""

    worker: str
    result: Result


@dataclass(frozen=True, slots=True)
class Failed:
    """A worker could not do the block that it was given first, and is ready for others."""

    worker: str
    reason: str


@dataclass(frozen=True, slots=True)
class Lost:
    """A worker is gone, and with it all that it was given."""

    worker: str
    reason: str


class Pool(Protocol[Result]):
    """Workers that come and go, by name."""

    def submit(self, worker: str, block: Block) -> None:
        """Give a worker a block behind those that it has."""
        ...

    def next_event(self) -> "Arrived | Answered[Result] | Failed | Lost":
        """What happens next; raises SegError where nothing can."""
        ...


@dataclass(frozen=True, slots=True)
class Done(Generic[Result]):
    """A block is done."""

    worker: str
    block: Block
    result: Result


@dataclass(frozen=True, slots=True)
class PoisonImage:
    """An image that no worker survives, or that none can predict."""

    image: ImageRef
    reason: str


@dataclass(slots=True)
class Dispatch(Generic[Result]):
    """Hands blocks out until all are done.

    Attributes:
        lost: what became of workers, a line each.
        redone: how many images were given out again.
    """

    pool: Pool[Result]
    lost: list[str] = field(default_factory=list)
    redone: int = 0
    _waiting: deque[Block] = field(default_factory=deque)
    _held: dict[str, deque[Block]] = field(default_factory=dict)

    def run(self, blocks: Iterable[Block]) -> Iterator[Done[Result] | PoisonImage]:
        """Yields blocks in the order in which they are done, and images that cannot be."""
        self._waiting.extend(blocks)
        while self._waiting or any(self._held.values()):
            self._hand_out()
            match self.pool.next_event():
                case Arrived(worker):
                    self._held[worker] = deque()
                case Answered(worker, result):
                    yield Done(worker, self._held[worker].popleft(), result)
                case Failed(worker, reason):
                    yield from self._narrow(self._held[worker].popleft(), reason)
                case Lost(worker, reason):
                    yield from self._take_back(worker, reason)

    def _hand_out(self) -> None:
        """To each worker one, and then more, as long as that leaves none without."""
        for depth in range(AHEAD):
            for worker, held in self._held.items():
                spare = depth * len(self._held)
                if len(held) <= depth and len(self._waiting) > spare and self._may_join(held):
                    block = self._waiting.popleft()
                    self.pool.submit(worker, block)
                    held.append(block)

    def _may_join(self, held: deque[Block]) -> bool:
        """Whether the next block can be given to who has these."""
        return not held or not (self._waiting[0].is_suspected or held[-1].is_suspected)

    def _take_back(self, worker: str, reason: str) -> Iterator[PoisonImage]:
        self.lost.append(f"{worker}: {reason}")
        held = self._held.pop(worker, deque[Block]())
        if not held:
            return
        first = held.popleft()
        suspect = replace(first, deaths=first.deaths + 1)
        self._again(*held)
        if suspect.is_guilty:
            yield from self._narrow(suspect, reason)
        else:
            self._again(suspect)

    def _narrow(self, block: Block, reason: str) -> Iterator[PoisonImage]:
        if len(block.images) == 1:
            yield PoisonImage(block.images[0], reason)
        else:
            self._again(*block.halves())

    def _again(self, *blocks: Block) -> None:
        self._waiting.extendleft(reversed(blocks))
        self.redone += sum(len(block.images) for block in blocks)
