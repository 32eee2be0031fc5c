"""The summary of a run: images, passes and time."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from seg.engine.pipeline.timing import Stage
from seg.terminal.words import pluralise

STREAM_STAGES: Final[tuple[Stage, ...]] = ("assemble", "network", "accumulate", "decide", "encode")
"""The stages of a stream; decoding and writing run in other threads."""


def images_written_line(output: Path, images: int, images_now: int) -> str:
    """The number of images that a run wrote, and how many of them were done before."""
    if not images_now:
        return f"{output}: {pluralise(images, 'image')}, all done before"
    earlier = images - images_now
    return f"{output}: {pluralise(images, 'image')}" + (
        f" ({earlier} from an earlier run)" if earlier else ""
    )


@dataclass(frozen=True, slots=True)
class RunSummary:
    """What a run did.

    Attributes:
        images: all of them; `images_now` were predicted in this run.
        passes: those that ran, of all `planned` ones.
        dropped: planned passes that there was no time for; `dropped_of` lists them as "member view".
        plain: tiles on which no pass was run, of `tiles`.
        seconds: wall time from the first image to the last.
        stages: seconds of work in each stage, over all threads.
        streams: how many batches ran at once.
        runtimes: of the members, each named once.
    """

    output: Path
    images: int
    images_now: int
    passes: int
    planned: int
    seconds: float
    stages: Mapping[Stage, float]
    streams: int
    runtimes: tuple[str, ...]
    dropped: int = 0
    dropped_of: tuple[str, ...] = ()
    plain: int = 0
    tiles: int = 0

    @property
    def idle(self) -> float:
        """Seconds that streams waited for images, or at the end for each other."""
        busy = sum(self.stages.get(stage, 0.0) for stage in STREAM_STAGES)
        return max(0.0, self.streams * self.seconds - busy)

    def text(self) -> str:
        """A few lines for a terminal."""
        done = images_written_line(self.output, self.images, self.images_now)
        if not self.images_now:
            return done
        return "\n".join(
            [
                done,
                self._passes_line(),
                *([f"{self.plain} of {self.tiles} tiles were plain"] if self.plain else []),
                *self._dropped_lines(),
                self._time_line(),
            ]
        )

    def _passes_line(self) -> str:
        rate = self.passes / self.seconds if self.seconds else 0.0
        saved = 1 - (self.passes + self.dropped) / self.planned if self.planned else 0.0
        return (
            f"{pluralise(self.passes, 'pass')} in {self.seconds:.1f} s, {rate:.1f} a second"
            + (f", {saved:.0%} saved by stopping" if saved > 0 else "")
            + f"; {'; '.join(self.runtimes)}"
        )

    def _dropped_lines(self) -> list[str]:
        if not self.dropped:
            return []
        share = self.dropped / self.planned
        of = ", ".join(self.dropped_of)
        dropped = f"{pluralise(self.dropped, 'pass')} ({share:.0%}) dropped to meet the deadline"
        return [f"{dropped}, the last of these first: {of}"]

    def _time_line(self) -> str:
        total = self.streams * self.seconds or 1.0
        shares = [f"{stage} {self.stages.get(stage, 0.0) / total:.1%}" for stage in STREAM_STAGES]
        others = [f"{stage} {self.stages.get(stage, 0.0):.1f} s" for stage in ("decode", "write")]
        return (
            f"streams: {', '.join(shares)}, idle {self.idle / total:.1%}; other threads: {', '.join(others)}"
        )
