"""The scheduler: continuous batching of passes over the open frames."""

from bisect import bisect_right
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from seg.engine.passes.passes import Batch, Pass, PassOrder, Size

Key = tuple[int, Size]


@dataclass(slots=True)
class _FrameProgress:
    size_hw: Size
    passes: int
    dispatched: int = 0
    added: int = 0


class Scheduler:
    """Fills batches of up to `batch_size` passes across open frames, oldest frame first.

    A frame's passes are dispatched in the pass order, and at most `lead` of them before their probabilities
    are added. So at most `lead` results of a frame wait for an earlier one. A frame may be closed at each of
    `checkpoints`, which are numbers of passes: later passes are dispatched once the earlier ones are added.
    """

    def __init__(
        self,
        pass_order: PassOrder,
        *,
        batch_size: int,
        open_frames: int,
        lead: int,
        checkpoints: Sequence[int] = (),
    ) -> None:
        if min(batch_size, open_frames, lead) < 1:
            raise ValueError(
                f"batch size, open frames and lead are at least 1, got {batch_size}, {open_frames} and {lead}"
            )
        self._pass_order = pass_order
        self._batch_size = batch_size
        self._open_frames = open_frames
        self._lead = lead
        self._ends = [*checkpoints, len(pass_order)]
        self._open: dict[int, _FrameProgress] = {}

    @property
    def has_room(self) -> bool:
        """Whether another frame may be opened."""
        return len(self._open) < self._open_frames

    def open(self, frame: int, size_hw: Size, passes: int | None = None) -> None:
        """Open a frame for the first `passes` passes of the pass order; by default all.

        Frames that were opened earlier have precedence.
        """
        self._open[frame] = _FrameProgress(size_hw, len(self._pass_order) if passes is None else passes)

    def added(self, frame: int, count: int) -> None:
        """Record that the first `count` passes of a frame are added."""
        if frame in self._open:
            self._open[frame].added = max(self._open[frame].added, count)

    def close(self, frame: int) -> None:
        """Forget a frame that needs no further pass, and make room for another."""
        del self._open[frame]

    def next_batch(
        self, *, partial: bool = False, can_run: Callable[[int], bool] = lambda _: True
    ) -> Batch | None:
        """The next full batch; with `partial`, else the fullest batch with the oldest frame.

        `can_run` tells whether the passes of a member may be dispatched now.
        """
        queues: dict[Key, list[tuple[int, int]]] = {}
        for frame, progress in self._open.items():
            ready = self._ready(progress)
            if ready and can_run(self._key(progress)[0]):
                queues.setdefault(self._key(progress), []).append((frame, ready))
        for key, queue in queues.items():
            if sum(ready for _, ready in queue) >= self._batch_size:
                return self._take(key, queue)
        if partial and queues:
            return self._take(*next(iter(queues.items())))
        return None

    def _ready(self, progress: _FrameProgress) -> int:
        """How many of a frame's next passes share a member and a size, and may be dispatched now."""
        last = min(progress.passes, progress.added + self._lead, self._next_end(progress.added))
        position = progress.dispatched
        while position < last and self._key(progress, position) == self._key(progress):
            position += 1
        return position - progress.dispatched

    def _next_end(self, added: int) -> int:
        return self._ends[min(bisect_right(self._ends, added), len(self._ends) - 1)]

    def _key(self, progress: _FrameProgress, position: int | None = None) -> Key:
        planned = self._pass_order[progress.dispatched if position is None else position]
        return planned.member, planned.view.size(progress.size_hw)

    def _take(self, key: Key, queue: list[tuple[int, int]]) -> Batch:
        passes: list[Pass] = []
        for frame, ready in queue:
            progress = self._open[frame]
            count = min(ready, self._batch_size - len(passes))
            passes += [Pass(frame, progress.dispatched + step) for step in range(count)]
            progress.dispatched += count
        return Batch(*key, tuple(passes))
