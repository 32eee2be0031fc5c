"""Which passes travel together, and when: continuous batching over the open frames."""

from bisect import bisect_right
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from seg.engine.passes.passes import Batch, Pass, Plan, Size

Key = tuple[int, Size]


@dataclass(slots=True)
class _Progress:
    size_hw: Size
    passes: int
    dispatched: int = 0
    added: int = 0


class Scheduler:
    """Fills batches of up to `batch_size` passes across open frames, oldest frame first.

    A frame's passes leave in the order of the plan, and at most `lead` of them are out before
    their answers are added up. So no more than `lead` answers a frame ever wait for an earlier one.
    A frame may be closed after each of `checkpoints`, so many passes: those beyond leave when the answers
    before are added up.
    """

    def __init__(
        self, plan: Plan, *, batch_size: int, open_frames: int, lead: int, checkpoints: Sequence[int] = ()
    ) -> None:
        if min(batch_size, open_frames, lead) < 1:
            raise ValueError(
                f"batch size, open frames and lead are at least 1, got {batch_size}, {open_frames} and {lead}"
            )
        self._plan = plan
        self._batch_size = batch_size
        self._open_frames = open_frames
        self._lead = lead
        self._ends = [*checkpoints, len(plan)]
        self._open: dict[int, _Progress] = {}

    @property
    def has_room(self) -> bool:
        """Whether another frame may be opened."""
        return len(self._open) < self._open_frames

    def open(self, frame: int, size_hw: Size, passes: int | None = None) -> None:
        """Take in a frame for the first so many passes of the plan; by default all.

        One that was opened earlier goes first.
        """
        self._open[frame] = _Progress(size_hw, len(self._plan) if passes is None else passes)

    def added(self, frame: int, count: int) -> None:
        """Note that the first `count` answers of a frame are added up."""
        if frame in self._open:
            self._open[frame].added = max(self._open[frame].added, count)

    def close(self, frame: int) -> None:
        """Forget a frame that needs no further pass, and make room for another."""
        del self._open[frame]

    def next_batch(
        self, *, partial: bool = False, can_run: Callable[[int], bool] = lambda _: True
    ) -> Batch | None:
        """The next full batch; with `partial`, the fullest that the oldest frame can travel in.

        `can_run` says of a member whether its passes may leave now.
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

    def _ready(self, progress: _Progress) -> int:
        """How many of a frame's next passes share a member and an oriented size, and may leave now."""
        last = min(progress.passes, progress.added + self._lead, self._next_end(progress.added))
        position = progress.dispatched
        while position < last and self._key(progress, position) == self._key(progress):
            position += 1
        return position - progress.dispatched

    def _next_end(self, added: int) -> int:
        return self._ends[min(bisect_right(self._ends, added), len(self._ends) - 1)]

    def _key(self, progress: _Progress, position: int | None = None) -> Key:
        planned = self._plan[progress.dispatched if position is None else position]
        return planned.member, planned.view.size(progress.size_hw)

    def _take(self, key: Key, queue: list[tuple[int, int]]) -> Batch:
        passes: list[Pass] = []
        for frame, ready in queue:
            progress = self._open[frame]
            count = min(ready, self._batch_size - len(passes))
            passes += [Pass(frame, progress.dispatched + step) for step in range(count)]
            progress.dispatched += count
        return Batch(*key, tuple(passes))
