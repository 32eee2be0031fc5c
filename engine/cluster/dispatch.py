"""Dispatch of blocks of images to workers that may die, independent of what runs the workers.

A block whose worker died is sent to another worker. If that one dies, too, the block is halved, and its
halves, until one image is left. If two more workers die of it, the image is reported, and all others are
done.

A worker can die before its last result was received, and then the wrong block is suspected. So a suspected
block is sent to a worker that has no other block.
"""

from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from typing import Final, Generic, Protocol, TypeVar

from seg.engine.cluster.remote_images import ImageRef

Result = TypeVar("Result")

QUEUE_DEPTH: Final = 2
"""Blocks that are queued at a worker, so that it never waits for the next one."""

MAX_DEATHS: Final = 2
MAX_DEATHS_OF_IMAGE: Final = 3


@dataclass(frozen=True, slots=True)
class Block:
    """Images that are sent together, and how many workers died while they worked on them."""

    images: tuple[ImageRef, ...]
    deaths: int = 0

    @property
    def is_suspected(self) -> bool:
        return self.deaths > 0

    @property
    def must_be_split(self) -> bool:
        """Whether so many workers died of it that it must not be sent whole again."""
        return self.deaths >= (MAX_DEATHS if len(self.images) > 1 else MAX_DEATHS_OF_IMAGE)

    def halves(self) -> "tuple[Block, Block]":
        middle = len(self.images) // 2
        return Block(self.images[:middle], deaths=1), Block(self.images[middle:], deaths=1)


@dataclass(frozen=True, slots=True)
class Ready:
    """A worker is ready for blocks."""

    worker: str


@dataclass(frozen=True, slots=True)
class Finished(Generic[Result]):
    """A worker has finished its oldest block."""

    worker: str
    result: Result


@dataclass(frozen=True, slots=True)
class Failed:
    """A worker failed on its oldest block, and is ready for others."""

    worker: str
    reason: str


@dataclass(frozen=True, slots=True)
class Died:
    """A worker has died, and its blocks are lost."""

    worker: str
    reason: str


class Pool(Protocol[Result]):
    """A pool of workers, by name, that may start and die at any time."""

    def submit(self, worker: str, block: Block) -> None:
        """Queue a block at a worker."""
        ...

    def next_event(self) -> "Ready | Finished[Result] | Failed | Died":
        """Wait for the next event; raises SegError if there can be none."""
        ...


@dataclass(frozen=True, slots=True)
class FinishedBlock(Generic[Result]):
    """A finished block."""

    worker: str
    block: Block
    result: Result


@dataclass(frozen=True, slots=True)
class PoisonImage:
    """An image that kills every worker, or that none can predict."""

    image: ImageRef
    reason: str


@dataclass(slots=True)
class Dispatch(Generic[Result]):
    """Sends blocks to workers until all are done.

    Attributes:
        lost: dead workers with the reason, a line each.
        redone: the number of images that were sent again.
    """

    pool: Pool[Result]
    lost: list[str] = field(default_factory=list)
    redone: int = 0
    _waiting: deque[Block] = field(default_factory=deque)
    _held: dict[str, deque[Block]] = field(default_factory=dict)

    def run(self, blocks: Iterable[Block]) -> Iterator[FinishedBlock[Result] | PoisonImage]:
        """Yields blocks in the order in which they finish, and images that cannot be predicted."""
        self._waiting.extend(blocks)
        while self._waiting or any(self._held.values()):
            self._send_blocks()
            match self.pool.next_event():
                case Ready(worker):
                    self._held[worker] = deque()
                case Finished(worker, result):
                    yield FinishedBlock(worker, self._held[worker].popleft(), result)
                case Failed(worker, reason):
                    yield from self._split(self._held[worker].popleft(), reason)
                case Died(worker, reason):
                    yield from self._handle_death(worker, reason)

    def _send_blocks(self) -> None:
        """Send one block to each worker, and then a second while that leaves no worker without one."""
        for depth in range(QUEUE_DEPTH):
            for worker, held in self._held.items():
                spare = depth * len(self._held)
                if len(held) <= depth and len(self._waiting) > spare and self._may_follow(held):
                    block = self._waiting.popleft()
                    self.pool.submit(worker, block)
                    held.append(block)

    def _may_follow(self, held: deque[Block]) -> bool:
        """Whether the next block can be sent to a worker that holds these."""
        return not held or not (self._waiting[0].is_suspected or held[-1].is_suspected)

    def _handle_death(self, worker: str, reason: str) -> Iterator[PoisonImage]:
        self.lost.append(f"{worker}: {reason}")
        held = self._held.pop(worker, deque[Block]())
        if not held:
            return
        first = held.popleft()
        suspect = replace(first, deaths=first.deaths + 1)
        self._resend(*held)
        if suspect.must_be_split:
            yield from self._split(suspect, reason)
        else:
            self._resend(suspect)

    def _split(self, block: Block, reason: str) -> Iterator[PoisonImage]:
        if len(block.images) == 1:
            yield PoisonImage(block.images[0], reason)
        else:
            self._resend(*block.halves())

    def _resend(self, *blocks: Block) -> None:
        self._waiting.extendleft(reversed(blocks))
        self.redone += sum(len(block.images) for block in blocks)
