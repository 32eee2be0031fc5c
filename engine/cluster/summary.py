"""The summary of a run with several workers."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Final

from seg.engine.jobs.summary import images_written_line
from seg.terminal.words import pluralise

SLOW: Final = 0.5
"""A worker below this share of the median rate is reported as slow."""


@dataclass(frozen=True, slots=True)
class WorkerStats:
    """The images that a worker predicted, and the seconds that it worked."""

    name: str
    runs_on: str
    images: int
    seconds: float

    @property
    def rate(self) -> float:
        return self.images / self.seconds if self.seconds else 0.0


@dataclass(frozen=True, slots=True)
class ClusterSummary:
    """What a run did.

    Attributes:
        images: all of them; `images_now` were predicted in this run.
        seconds: wall time, including the start of the workers.
        workers: all that loaded, including dead ones.
        lost: dead workers with the reason, a line each; `redone` images were sent again.
        unit: what workers were given: an image, or a part, which may be a whole small image.
    """

    output: Path
    images: int
    images_now: int = 0
    passes: int = 0
    seconds: float = 0.0
    workers: Sequence[WorkerStats] = ()
    lost: Sequence[str] = ()
    redone: int = 0
    unit: str = "image"

    @property
    def stragglers(self) -> tuple[str, ...]:
        """The workers that were much slower than most."""
        rates = [worker.rate for worker in self.workers if worker.images]
        usual = median(rates) if rates else 0.0
        return tuple(worker.name for worker in self.workers if worker.images and worker.rate < SLOW * usual)

    def text(self) -> str:
        """A few lines for a terminal."""
        done = images_written_line(self.output, self.images, self.images_now)
        if not self.images_now:
            return done
        return "\n".join(
            [
                done,
                f"{self.passes} passes in {self.seconds:.1f} s, {self.passes / self.seconds:.1f} a second",
                *map(self._line, self.workers),
                *(f"lost: {line}" for line in self.lost),
                *([f"{self.redone} images were sent again"] if self.redone else []),
            ]
        )

    def _line(self, worker: WorkerStats) -> str:
        slow = ", much slower than the others" if worker.name in self.stragglers else ""
        done = f"{pluralise(worker.images, self.unit)}, {worker.rate:.1f} a second{slow}"
        return f"{worker.name}: {done}; {worker.runs_on}"
