"""The unit of work, and the order in which units of work meet a network.

A pass is one image in one view through one member. The scheduler keeps passes in queues, one for
each member and oriented size, and hands out batches that fill up across images.
"""

from collections import OrderedDict, defaultdict, deque
from collections.abc import Sequence
from dataclasses import dataclass

from seg.engine.views import View

Size = tuple[int, int]


@dataclass(frozen=True, slots=True)
class PlannedPass:
    """A member (by position), a view, and the share of the merge that they have together."""

    member: int
    view: View
    share: float


Plan = Sequence[PlannedPass]
"""The passes that every image takes, in the order in which their answers are added up."""


@dataclass(frozen=True, slots=True)
class Pass:
    """One image, by its number, and the position of one planned pass in the plan."""

    image: int
    position: int


@dataclass(frozen=True, slots=True)
class Batch:
    """Passes of one member at one oriented size (height, width)."""

    member: int
    size_hw: Size
    passes: tuple[Pass, ...]


class Scheduler:
    """Fills batches of up to `batch_size` passes across images.

    At most `open_images` images wait for their last pass: while fewer do, only full batches are
    handed out; then the queue with the longest waiting pass is handed out as it is.
    """

    def __init__(self, plan: Plan, batch_size: int, open_images: int) -> None:
        if batch_size < 1 or open_images < 1:
            raise ValueError(f"batch size and open images are at least 1, got {batch_size} and {open_images}")
        self._plan = plan
        self._batch_size = batch_size
        self._open_limit = open_images
        self._queues: OrderedDict[tuple[int, Size], deque[Pass]] = OrderedDict()
        self._waiting: dict[int, int] = defaultdict(int)

    @property
    def is_full(self) -> bool:
        """Whether no further image should be opened before `next_batch` was asked."""
        return len(self._waiting) >= self._open_limit

    def open(self, image: int, size_hw: Size) -> None:
        """Queue all passes of an image; numbers grow from image to image."""
        for position, planned in enumerate(self._plan):
            key = (planned.member, planned.view.size(size_hw))
            self._queues.setdefault(key, deque()).append(Pass(image, position))
        self._waiting[image] = len(self._plan)

    def next_batch(self, *, drain: bool = False) -> Batch | None:
        """The next batch that is due, or None where more images should be opened first.

        With `drain`, for when no image follows, partial batches are due as well.
        """
        for key, queue in self._queues.items():
            if len(queue) >= self._batch_size:
                return self._take(key)
        if self._queues and (drain or self.is_full):
            return self._take(min(self._queues, key=lambda k: self._queues[k][0].image))
        return None

    def _take(self, key: tuple[int, Size]) -> Batch:
        queue = self._queues[key]
        passes = tuple(queue.popleft() for _ in range(min(self._batch_size, len(queue))))
        if not queue:
            del self._queues[key]
        for one in passes:
            self._waiting[one.image] -= 1
            if not self._waiting[one.image]:
                del self._waiting[one.image]
        return Batch(key[0], key[1], passes)
