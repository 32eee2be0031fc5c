"""`seg ensemble --cluster` and `--devices`: a run with many workers and the same journal as a single run."""

import time
from collections import Counter, defaultdict
from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from seg.engine.cluster.dispatch import Block, Dispatch, FinishedBlock
from seg.engine.cluster.image_parts import missing_parts
from seg.engine.cluster.pool import WorkerPool
from seg.engine.cluster.process_pool import open_process_pool
from seg.engine.cluster.ray_pool import open_ray_pool
from seg.engine.cluster.remote_images import ImageRef, images_to_predict, local_images
from seg.engine.cluster.summary import ClusterSummary, WorkerStats
from seg.engine.cluster.worker import BlockResult
from seg.engine.jobs.journal.journal import Journal
from seg.engine.jobs.journal.journalled_run import JournalledRun, RunImage
from seg.engine.jobs.predict import unreadable_images_advice
from seg.engine.jobs.stopping import check_stopping_calibration
from seg.engine.resolved import ResolvedEnsemble, resolve_ensemble
from seg.errors import DataError
from seg.spec import EnsembleSpec
from seg.terminal.progress import progress
from seg.terminal.words import pluralise

MAX_BLOCK: Final = 32
BLOCKS_PER_WORKER: Final = 8
"""The fewest blocks a worker, if there are enough images, so that all workers end at about the same time."""


@dataclass(slots=True)
class _ClusterRunCounts:
    """Counts of a run, summed up as blocks finish."""

    done: Counter[str] = field(default_factory=Counter)
    busy: defaultdict[str, float] = field(default_factory=lambda: defaultdict(float))
    passes: int = 0
    failures: list[str] = field(default_factory=list)

    def add(self, done: FinishedBlock[BlockResult]) -> None:
        self.done[done.worker] += done.result.images
        self.busy[done.worker] += done.result.seconds
        self.passes += done.result.passes
        self.failures += done.result.failures


def run_on_cluster(
    spec: EnsembleSpec,
    address: str,
    *,
    images: str | None = None,
    workers: int | None = None,
    gpus: float = 0.0,
    strict: bool = False,
    restart: bool = False,
    memory: int | None = None,
    overwrite: bool = False,
    reads: Sequence[Path] = (),
) -> ClusterSummary:
    """Predict all images of the spec that are not in its journal, and write the submission.

    Args:
        address: `ray`, or `ray://HOST:PORT`.
        images: a URI of a folder of images; by default the images of the spec.
        workers: their number; by default one a machine, or one for each share of a GPU.
        gpus: of each worker, may be a fraction.
        strict, restart, memory, overwrite, reads: as on one machine; `memory` is of one worker.

    Raises:
        DataError: images could not be predicted, with a line for each. All others are in the journal, and
            the submission is not written.
        SpecError, ModelError, MissingRuntimeError, OutputError: one line that names the fix.
    """
    resolved = resolve_ensemble(spec)
    check_stopping_calibration(resolved)
    pool = open_ray_pool(spec, address, workers, gpus, strict=strict, memory=memory)
    return _run_with_workers(resolved, images_to_predict(spec, images), pool, restart, overwrite, reads)


def run_on_devices(
    spec: EnsembleSpec,
    devices: int,
    *,
    strict: bool = False,
    restart: bool = False,
    memory: int | None = None,
    overwrite: bool = False,
    reads: Sequence[Path] = (),
) -> ClusterSummary:
    """The same with `devices` processes on this machine, each with a GPU or a share of the cores.

    Raises: as `run_on_cluster` does.
    """
    resolved = resolve_ensemble(spec)
    check_stopping_calibration(resolved)
    pool = open_process_pool(resolved, devices, strict=strict, memory=memory)
    return _run_with_workers(resolved, local_images(spec), pool, restart, overwrite, reads)


def _run_with_workers(
    resolved: ResolvedEnsemble,
    refs: Sequence[ImageRef],
    opening: AbstractContextManager[WorkerPool[Any]],
    restart: bool,
    overwrite: bool,
    reads: Sequence[Path],
) -> ClusterSummary:
    """Complete the journal and write the submission; the pool is only opened if images are missing."""
    images = [RunImage(ref, ref.sample, ref.place, ref.source()) for ref in refs]
    local = [Path(ref.place) for ref in refs if not ref.version]
    run = JournalledRun.prepare(resolved, images, overwrite=overwrite, reads=(*local, *reads))
    output = resolved.spec.output

    def predict(journal: Journal, missing: Sequence[ImageRef]) -> ClusterSummary:
        if not missing:
            return ClusterSummary(output.file, len(refs))
        with opening as pool:
            parts = missing_parts(missing, resolved.spec, journal, pool.layout.workers)
            summary = _predict_with_workers(pool, len(refs), missing, parts, journal)
        _refuse_images_changed_between_parts(parts, journal)
        return summary

    return run.complete(predict, restart=restart, size_of=lambda _: output.size)


def _predict_with_workers(
    pool: WorkerPool[Any],
    images: int,
    missing: Sequence[ImageRef],
    parts: Sequence[ImageRef],
    journal: Journal,
) -> ClusterSummary:
    """Predict the missing images, of which these parts are missing."""
    output, counts = pool.job.spec.output.file, _ClusterRunCounts()
    dispatch: Dispatch[BlockResult] = Dispatch(pool)
    start = time.perf_counter()
    done = images - len(missing)
    unit = "part" if any(part.rows for part in parts) else "image"
    with progress("ensemble", done + len(parts), unit=f"{unit}s", done=done) as advance:
        for note in _worker_notes(pool):
            advance(0, line=note)
        for event in dispatch.run(_split_into_blocks(parts, pool.layout.workers)):
            if isinstance(event, FinishedBlock):
                for payload in event.result.payloads:
                    journal.append(payload)
                counts.add(event)
                advance(event.result.images, note=f"{len(counts.done)} workers")
            else:
                counts.failures.append(f"{event.image.place}: no worker can predict it: {event.reason}")
    if counts.failures:
        raise DataError("\n".join([*counts.failures, unreadable_images_advice(len(counts.failures), output)]))
    return ClusterSummary(
        output=output,
        images=images,
        images_now=len(missing),
        passes=counts.passes,
        unit=unit,
        seconds=time.perf_counter() - start,
        workers=tuple(
            WorkerStats(name, runs_on, counts.done[name], counts.busy[name])
            for name, runs_on in pool.runs_on.items()
        ),
        lost=tuple(dispatch.lost),
        redone=dispatch.redone,
    )


def _refuse_images_changed_between_parts(parts: Sequence[ImageRef], journal: Journal) -> None:
    """Raise DataError if an image was changed while its parts were predicted."""
    for part in {part.id: part for part in parts if part.rows}.values():
        if not journal.has(part.id, part.source()):
            raise DataError(f"{part.place}: was changed while it was predicted: run the same command again")


def _worker_notes(pool: WorkerPool[Any]) -> list[str]:
    layout, runtimes = pool.layout, ", ".join(dict.fromkeys(pool.job.runtimes))
    return [
        *pool.notes,
        f"{pluralise(layout.workers, 'worker')} with {pluralise(layout.cores, 'core')} each;"
        f" runtime: {runtimes} on all of them",
    ]


def _split_into_blocks(images: Sequence[ImageRef], workers: int) -> list[Block]:
    size = max(1, min(MAX_BLOCK, len(images) // (workers * BLOCKS_PER_WORKER)))
    return [Block(tuple(images[first : first + size])) for first in range(0, len(images), size)]
